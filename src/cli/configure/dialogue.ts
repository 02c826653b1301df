/**
 * The dialogue of `agent configure`. Until the last answer everything is only tried: whoever leaves before has changed
 * nothing.
 */
import { InterruptedError } from "../../base/errors.ts";
import type { TomlSetting } from "../../config/write/edit_toml.ts";
import type { Prompter } from "../terminal/prompter.ts";
import type { FirstBackupAnswer, RepositoryAnswer, RotationAnswer } from "./answers.ts";
import { askFirstBackup, type FindPath } from "./ask_first_backup.ts";
import { askRepository, type RepositoryGround, type RepositoryTrial } from "./ask_repository.ts";
import { askRotation } from "./ask_rotation.ts";
import { withAnswers } from "./configuration_file.ts";
import { tried } from "./trying.ts";

/** The file that the answers go into. */
interface ConfiguredFile {
  readonly path: string;
  /** What it says; undefined if it is not there. */
  readonly text: string | undefined;
  /** Writes it, and returns the path of the copy of what was there. */
  write(text: string): Promise<string | undefined>;
}

/** What the dialogue needs. */
export interface Dialogue {
  readonly prompter: Prompter;
  readonly file: ConfiguredFile;
  /** Throws `AgentError` if a file with this text could not be used. */
  readonly check: (text: string) => void;
  /** Variables that are set, and win over what the file says. */
  readonly overriding: readonly string[];
  /** The rotation to begin with. */
  readonly rotation: RotationAnswer;
}

/** What the whole dialogue needs. */
export interface WholeDialogue extends Dialogue {
  readonly trial: RepositoryTrial;
  /** Makes a repository that is not there yet, and returns where it is. */
  readonly make: (repository: RepositoryAnswer) => Promise<string>;
  readonly findPath: FindPath;
  readonly ground: RepositoryGround;
  /** The address of the repository to begin with; empty if none is known. */
  readonly url: string;
  /** Further options of the repository. */
  readonly settings: Readonly<Record<string, TomlSetting>>;
}

/** What came of the dialogue. */
interface Configured {
  readonly repository: RepositoryAnswer;
  readonly firstBackup: FirstBackupAnswer | undefined;
}

/** Asks for everything, makes the repository if there is none, and writes the file. */
export async function configure(dialogue: WholeDialogue): Promise<Configured> {
  const { prompter, trial, ground, file, settings } = dialogue;
  begin(dialogue);
  let repository = await askRepository(prompter, trial, ground, dialogue.url);
  const rotation = await askRotation(prompter, dialogue.rotation);
  const firstBackup = await askFirstBackup(prompter, dialogue.findPath, ground);
  for (;;) {
    const text = withAnswers(file.text ?? "", { repository, rotation, settings });
    await confirmText(dialogue, text, repository);
    if (repository.exists || await tried(prompter, () => make(repository, dialogue))) {
      await write(dialogue, text);
      return { repository, firstBackup };
    }
    repository = await askRepository(prompter, trial, ground, repository.url);
  }
}

/** Asks for the rotation alone, and writes the file. */
export async function configureRotation(dialogue: Dialogue): Promise<void> {
  begin(dialogue);
  const rotation = await askRotation(dialogue.prompter, dialogue.rotation);
  const text = withAnswers(dialogue.file.text ?? "", { rotation, settings: {} });
  await confirmText(dialogue, text);
  await write(dialogue, text);
}

function begin({ prompter, file, check, overriding }: Dialogue): void {
  prompter.begin("agent configure");
  if (overriding.length > 0) {
    prompter.tell(`${overriding.join(" and ")} in the environment will win over what the file says.`);
  }
  if (file.text === undefined) {
    return prompter.tell(`The answers go into ${file.path}. Ctrl-C leaves everything as it is.`);
  }
  prompter.show(file.path, file.text.trimEnd());
  prompter.tell("The answers go into this file. A copy of it is kept. Ctrl-C leaves everything as it is.");
  check(file.text);
}

/** Shows what is to be written. Throws `InterruptedError` if it is not wanted. */
async function confirmText(
  { prompter, file, check }: Dialogue,
  text: string,
  repository?: RepositoryAnswer,
): Promise<void> {
  check(text);
  prompter.show(file.path, text.trimEnd());
  const question = repository?.exists === false
    ? `Make the repository ${repository.url}, and write this file?`
    : "Write this file?";
  if (!await prompter.confirm(question, true)) throw new InterruptedError("Nothing was written");
}

async function make(repository: RepositoryAnswer, { prompter, make }: WholeDialogue): Promise<true> {
  prompter.tell(`Made a repository in ${await make(repository)}`);
  if (repository.password.kind === "new-file") {
    prompter.tell(
      `Its password is in ${repository.password.path}; without it the backups are lost, so keep a copy elsewhere`,
    );
  }
  return true;
}

async function write({ prompter, file }: Dialogue, text: string): Promise<void> {
  const copy = await file.write(text);
  if (copy !== undefined) prompter.tell(`What was there is in ${copy}`);
  prompter.end(`Wrote ${file.path}`);
}
