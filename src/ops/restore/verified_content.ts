/** What of a backup was read and had the right digests, for those who observe the repository. */
import type { Backup } from "../../backup/backup.ts";
import type { VerifiedStream } from "../../backup/content/read_verified.ts";
import { isOfFiles, type Manifest } from "../../format/manifest/manifest.ts";
import type { RepositoryObserver } from "../../repository/observer.ts";

/** The backup, and who hears of it. */
interface ObservedBackup {
  readonly backup: Backup;
  readonly manifest: Manifest | null;
  readonly observer: RepositoryObserver | undefined;
}

/** Adds up what was verified of one open backup. */
export class VerifiedContent {
  readonly #streams = new Set<string>();
  #bytes = 0;
  #hasAll = false;
  #hasSome = false;

  /** A whole stream or file was read. */
  addStream({ file, summary }: VerifiedStream): void {
    this.#hasSome = true;
    this.#bytes += summary.size;
    if (file.expected !== null) this.#streams.add(file.expected.path);
  }

  /** All of the backup, or a part of it, was read. */
  add(bytes: number, { isAll }: { readonly isAll: boolean }): void {
    this.#hasSome = true;
    this.#bytes += bytes;
    this.#hasAll ||= isAll;
  }

  /** Tells what was verified, if anything was. */
  tell({ backup, manifest, observer }: ObservedBackup): void {
    if (!this.#hasSome) return;
    const hasAllStreams = manifest !== null && !isOfFiles(manifest) &&
      manifest.files.every(({ path }) => this.#streams.has(path));
    const { id, snapshotId, series } = backup;
    observer?.addRestore({ id, snapshotId, series, isWhole: this.#hasAll || hasAllStreams, bytes: this.#bytes });
  }
}
