/** The configuration file that is written: its text, and how it takes the place of the one that is there. */
import { AgentError, systemReason } from "../../base/errors.ts";
import { editToml, type TomlSetting } from "../../config/write/edit_toml.ts";
import { contentOf, writeConfiguration, type WritingMachine } from "../../config/write/write_configuration.ts";
import type { PasswordAnswer, RepositoryAnswer, RotationAnswer } from "./answers.ts";

/** What the repository is called in the file. */
export const REPOSITORY_NAME = "main";

/** The text of a file with the answers in it. `settings` are further options of the repository, by their long names. */
export function withAnswers(
  text: string,
  { repository, rotation, settings }: {
    readonly repository?: Pick<RepositoryAnswer, "url"> & Partial<RepositoryAnswer>;
    readonly rotation?: RotationAnswer;
    readonly settings: Readonly<Record<string, TomlSetting>>;
  },
): string {
  return editToml(text, {
    ...repository && { keys: { repository: REPOSITORY_NAME } },
    tables: {
      ...repository && {
        [`repositories.${REPOSITORY_NAME}`]: { url: repository.url, ...passwordKey(repository.password), ...settings },
      },
      ...rotation && { rotation: rotationTable(rotation) },
    },
  });
}

function rotationTable({ days, weeks, months, firstWeekDay }: RotationAnswer): Readonly<Record<string, number>> {
  return { days, weeks, months, "first-week-day": firstWeekDay };
}

function passwordKey(password: PasswordAnswer | undefined): Readonly<Record<string, string>> {
  if (password === undefined) return {};
  return password.kind === "command" ? { "password-command": password.command } : { "password-file": password.path };
}

/** A configuration file before and after the questions. */
export class ConfigurationDraft {
  /** Where it is. */
  readonly path: string;
  /** What it says; undefined if it is not there. */
  readonly text: string | undefined;
  readonly #machine: WritingMachine;

  private constructor(path: string, text: string | undefined, machine: WritingMachine) {
    this.path = path;
    this.text = text;
    this.#machine = machine;
  }

  /** Reads the file at a path, or the one that a link there leads to. Throws `AgentError` if it is there and unreadable. */
  static async read(path: string, machine: WritingMachine): Promise<ConfigurationDraft> {
    const real = await realPath(path);
    return new ConfigurationDraft(real, await textOf(real), machine);
  }

  /** Writes the file as `writeConfiguration` does. Throws `AgentError`, also if it has changed since it was read. */
  async write(text: string): Promise<string | undefined> {
    if (await textOf(this.path) === this.text) return await writeConfiguration(this.path, text, this.#machine);
    throw new AgentError(`"${this.path}" has changed meanwhile and was left as it is; run "agent configure" again`);
  }
}

/** Where a link leads, so that it stays one. */
async function realPath(path: string): Promise<string> {
  try {
    return await Deno.realPath(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return path;
    throw unreadable(path, error);
  }
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await contentOf(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): AgentError {
  return new AgentError(`Cannot read "${path}": ${systemReason(error)}`, { cause: error });
}
