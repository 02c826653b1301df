/** The configuration file that is written: its text, and how it takes the place of the one that is there. */
import { dirname } from "node:path/posix";
import { AgentError, systemReason, UsageError } from "../../base/errors.ts";
import { editToml, type TomlSetting } from "../../config/edit_toml.ts";
import { temporaryBeside, writeNewFile } from "../../store/local/local_file.ts";
import type { PasswordAnswer, RepositoryAnswer, RotationAnswer } from "./answers.ts";

/** What the repository is called in the file. */
export const REPOSITORY_NAME = "main";
const OWNER_ONLY = 0o600;
const FOLDER_OF_OWNER = 0o700;
/** More copies than anybody keeps. */
const MOST_COPIES = 1000;

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
  readonly #randomBytes: (count: number) => Uint8Array<ArrayBuffer>;

  private constructor(path: string, text: string | undefined, randomBytes: (count: number) => Uint8Array<ArrayBuffer>) {
    this.path = path;
    this.text = text;
    this.#randomBytes = randomBytes;
  }

  /** Reads the file at a path, or the one that a link there leads to. Throws `AgentError` if it is there and unreadable. */
  static async read(
    path: string,
    randomBytes: (count: number) => Uint8Array<ArrayBuffer>,
  ): Promise<ConfigurationDraft> {
    const real = await realPath(path);
    return new ConfigurationDraft(real, await textOf(real), randomBytes);
  }

  /**
   * Writes the file so that it is either as before or whole, for its owner alone. Keeps a copy of what was there, and
   * returns its path. Throws `AgentError`, also if the file has changed since it was read.
   */
  async write(text: string): Promise<string | undefined> {
    const { path } = this;
    if (await textOf(path) !== this.text) {
      throw new AgentError(`"${path}" has changed meanwhile and was left as it is; run "agent configure" again`);
    }
    try {
      await Deno.mkdir(dirname(path), { recursive: true, mode: FOLDER_OF_OWNER });
      const copy = this.text === undefined ? undefined : await this.#keepCopy(this.text);
      await this.#writeFile(path, text, { replaces: true });
      return copy;
    } catch (error) {
      if (error instanceof AgentError) throw error;
      throw new AgentError(`Cannot write "${path}": ${systemReason(error)}`, { cause: error });
    }
  }

  async #keepCopy(text: string): Promise<string> {
    for (let number = 1; number <= MOST_COPIES; number++) {
      const copy = `${this.path}.${number}`;
      try {
        await this.#writeFile(copy, text, { replaces: false });
        return copy;
      } catch (error) {
        if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      }
    }
    throw new UsageError(`There are too many copies of "${this.path}": remove some`);
  }

  async #writeFile(path: string, text: string, publication: { readonly replaces: boolean }): Promise<void> {
    const temporaryPath = temporaryBeside(path, this.#randomBytes);
    await writeNewFile({ path, temporaryPath }, [new TextEncoder().encode(text)], { ...publication, mode: OWNER_ONLY });
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
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): AgentError {
  return new AgentError(`Cannot read "${path}": ${systemReason(error)}`, { cause: error });
}
