/** Asks for a repository and its password, and tries both before they count. */
import { join } from "node:path/posix";
import type { Choice, Prompter } from "../terminal/prompter.ts";
import type { PasswordAnswer, RepositoryAnswer } from "./answers.ts";
import { absolutePath, absolutePlace, type Home } from "./place.ts";
import { tried } from "./trying.ts";

/** What answers are tried with. All of these only read. */
export interface RepositoryTrial {
  /** Whether there is a repository at an address. Throws what reaching it throws. */
  find(url: string): Promise<boolean>;
  /**
   * Opens the repository; if it is not there yet, only finds out whether the password can be read, or whether its file
   * can be made. Throws what is wrong.
   */
  check(answer: RepositoryAnswer): Promise<void>;
}

/** Where answers come from, and where the configuration will be. */
export interface RepositoryGround extends Home {
  /** The folder of the configuration. */
  readonly folder: string;
  /** How the password is found as far as is known, to begin with. */
  readonly password?: PasswordAnswer;
}

const BACK = "back";
type PasswordChoice = PasswordAnswer["kind"] | typeof BACK;

/** Asks until a repository can be opened, or could be made. `initial` is the address to begin with. */
export async function askRepository(
  prompter: Prompter,
  trial: RepositoryTrial,
  ground: RepositoryGround,
  initial = "",
): Promise<RepositoryAnswer> {
  for (let typed = initial;;) {
    typed = await prompter.askText({
      question: "Where is the repository, or where is it to be made?",
      example: "/backup/repo, rest:https://HOST/PATH/ or s3:https://HOST/BUCKET/PREFIX",
      initial: typed,
      problemOf: (answer) => answer === "" ? "Name a path or a URL" : undefined,
    });
    const found = await tried(prompter, async () => {
      const url = absolutePlace(typed, ground);
      return { url, exists: await trial.find(url) };
    });
    if (found === undefined) continue;
    const password = await askPassword(prompter, trial, ground, found);
    if (password !== undefined) return { ...found, password };
  }
}

/** Asks until the password is right; undefined if another repository is to be named. */
async function askPassword(
  prompter: Prompter,
  trial: RepositoryTrial,
  ground: RepositoryGround,
  found: Pick<RepositoryAnswer, "url" | "exists">,
): Promise<PasswordAnswer | undefined> {
  const question = found.exists
    ? "There is a repository. Where does its password come from?"
    : "There is no repository yet. Where is its password to come from?";
  let initial: PasswordChoice | undefined = ground.password?.kind;
  for (;;) {
    const kind: PasswordChoice = await prompter.choose({
      question,
      choices: choicesFor(found.exists),
      ...initial && { initial },
    });
    if (kind === BACK) return undefined;
    initial = kind;
    const password = await askDetail(prompter, kind, ground);
    if (await tried(prompter, () => trial.check({ ...found, password }).then(() => true))) return password;
  }
}

function choicesFor(exists: boolean): readonly Choice<PasswordChoice>[] {
  const making: Choice<PasswordChoice> = {
    value: "new-file",
    label: "A new file, with a strong password that is made",
    hint: "without it the backups are lost",
  };
  return [
    ...exists ? [] : [making],
    { value: "file", label: "A file that holds it" },
    { value: "command", label: "A command that prints it" },
    { value: BACK, label: "Name another repository" },
  ];
}

async function askDetail(
  prompter: Prompter,
  kind: PasswordAnswer["kind"],
  ground: RepositoryGround,
): Promise<PasswordAnswer> {
  if (kind === "command") {
    const command = await prompter.askText({
      question: "Which command prints the password?",
      example: "pass show backup",
      ...ground.password?.kind === "command" && { initial: ground.password.command },
      problemOf: (answer) => answer === "" ? "Name a command" : undefined,
    });
    return { kind, command };
  }
  const known = ground.password?.kind === "file" ? { initial: ground.password.path } : {};
  const path = await prompter.askText({
    question: kind === "file" ? "Which file holds the password?" : "Which file is the password to be written to?",
    ...kind === "file" ? { example: "/etc/agent.password", ...known } : { initial: join(ground.folder, "password") },
    problemOf: (answer) => answer === "" ? "Name a file" : undefined,
  });
  return { kind, path: absolutePath(path, ground) };
}
