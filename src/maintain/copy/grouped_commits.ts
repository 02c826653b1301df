/** Commits several small backups together, so that not each of them leaves small packs. */
import type { Backup } from "../../backup/backup.ts";
import type { PackWriter } from "../../repository/pack/pack_writer.ts";

/** When and how to commit. */
interface CommitRules {
  /** So many bytes make a full pack. */
  readonly packBytes: number;
  /** Commits a backup whose content is durable and indexed. */
  readonly commit: (backup: Backup) => Promise<void>;
}

/** Commits backups whose content goes through one pack writer. */
export class GroupedCommits {
  readonly #writer: PackWriter;
  readonly #rules: CommitRules;
  #waiting: Backup[] = [];
  #doneBytes = 0;

  constructor(writer: PackWriter, rules: CommitRules) {
    this.#writer = writer;
    this.#rules = rules;
  }

  /** Commits this backup and the ones before it, unless they are small. */
  async add(backup: Backup): Promise<void> {
    this.#waiting.push(backup);
    if (this.#writer.blobBytes - this.#doneBytes >= this.#rules.packBytes) await this.finish();
  }

  /** Commits all that wait, oldest first, after their content became durable. */
  async finish(): Promise<void> {
    await this.#writer.finish();
    this.#doneBytes = this.#writer.blobBytes;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const backup of waiting) await this.#rules.commit(backup);
  }
}
