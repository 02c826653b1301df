/**
 * What ends a load in one transaction. psql takes the end of its input for that of the dump, also if this process was
 * killed and the dump is cut. So the last thing that psql runs is a file that is there only once all was passed on;
 * without it psql fails, and the server undoes everything.
 */
import { join } from "node:path";
import { PrivateFolder } from "../../client/private_folder.ts";

const NAME = "commit.sql";

/** The file, which is not there yet. */
export class CommitFile implements AsyncDisposable {
  readonly #folder: PrivateFolder;

  private constructor(folder: PrivateFolder) {
    this.#folder = folder;
  }

  /** Finds a place for it, in the system's folder for temporary files or in `parent`. Throws `AgentError`. */
  static async prepare(parent: string | undefined): Promise<CommitFile> {
    return new CommitFile(await PrivateFolder.make(parent));
  }

  /** Its path. */
  get path(): string {
    return join(this.#folder.path, NAME);
  }

  /** Writes it: from here on, psql commits. Throws `AgentError` if there is no room. */
  async write(): Promise<void> {
    await this.#folder.write(NAME, "COMMIT;\n");
  }

  /** Removes it. May be called again. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder[Symbol.asyncDispose]();
  }
}
