/** What a check finds: errors and notes, each with the snapshots it hits, and the packs whose blobs cannot be trusted. */
import { encodeHex } from "../../base/hex.ts";
import { ID_BYTES, type SnapshotId } from "../../base/id.ts";

/** What a finding is about. `file` is a file in a tree, `chain` the link from a backup to its parent. */
export type FindingKind = "index" | "pack" | "tree" | "file" | "snapshot" | "manifest" | "chain" | "lock" | "key";

/** The repairs there are, in the order in which they have to be made. */
export const REPAIRS = ["index", "packs", "snapshots"] as const;
/** What "agent repair" can make good, or as good as it gets. */
export type Repair = typeof REPAIRS[number];

/** One thing that was found. */
export interface Finding {
  readonly kind: FindingKind;
  /** Names the thing in full where it has an id. */
  readonly id: string | null;
  /** One line: what is wrong with what. */
  readonly text: string;
  /** One line: what to do about it. */
  readonly advice: string;
  /** The repair to begin with, where one helps. */
  readonly repair?: Repair;
  /** Files in trees that it hits, without a leading slash: the first `MOST_PATHS` of them. */
  readonly paths: Set<string>;
  /** Snapshots that it hits, as far as is known. */
  readonly snapshots: Set<SnapshotId>;
}

/** What a finding begins with; the rest is added as it gets known. */
interface FindingFields extends Pick<Finding, "kind" | "id" | "text" | "advice" | "repair"> {
  readonly path?: string;
  readonly snapshots?: Iterable<SnapshotId>;
}

/** A lost pack of a directory backup may hit any number of files; so many of them are named. */
export const MOST_PATHS = 20;

/** Collects findings in the order they come. */
export class Findings {
  readonly errors: Finding[] = [];
  readonly notes: Finding[] = [];

  /** Adds something that is damaged. */
  error(fields: FindingFields): Finding {
    return added(this.errors, fields);
  }

  /** Adds something that is worth knowing and no damage. */
  note(fields: FindingFields): Finding {
    return added(this.notes, fields);
  }

  /** Every snapshot that an error hits. */
  get damagedSnapshots(): Set<SnapshotId> {
    return new Set(this.errors.flatMap(({ snapshots }) => [...snapshots]));
  }
}

function added(list: Finding[], { path, snapshots, ...fields }: FindingFields): Finding {
  const finding = { ...fields, paths: new Set(path === undefined ? [] : [path]), snapshots: new Set(snapshots) };
  list.push(finding);
  return finding;
}

/** Adds a path to a finding unless it names enough already. */
export function addPath(finding: Finding, path: string): void {
  if (finding.paths.size < MOST_PATHS) finding.paths.add(path);
}

interface Suspicion {
  readonly finding: Finding;
  /** The blobs in doubt as hex; null: all of the pack. */
  readonly blobs: ReadonlySet<string> | null;
}

/** Packs in which blobs are lost or in doubt, by their numbers in the index. */
export class SuspectPacks {
  readonly #suspicions = new Map<number, Suspicion[]>();

  /** Whether there are none. */
  get isEmpty(): boolean {
    return this.#suspicions.size === 0;
  }

  /** Whether any blob of that pack is in doubt. */
  has(pack: number): boolean {
    return this.#suspicions.has(pack);
  }

  /** Puts all blobs of a pack in doubt or, with `ids` (32 bytes a blob), those only. */
  add(pack: number, finding: Finding, ids?: Uint8Array): void {
    const suspicion = { finding, blobs: ids === undefined ? null : hexIds(ids) };
    const earlier = this.#suspicions.get(pack);
    if (earlier) earlier.push(suspicion);
    else this.#suspicions.set(pack, [suspicion]);
  }

  /** Why the blob in that pack whose id stands in `ids` at `offset` is in doubt; mostly nothing. */
  reasons(pack: number, ids: Uint8Array, offset = 0): readonly Finding[] {
    const suspicions = this.#suspicions.get(pack);
    if (suspicions === undefined) return [];
    const id = encodeHex(ids, offset, ID_BYTES);
    return suspicions.filter(({ blobs }) => blobs === null || blobs.has(id)).map(({ finding }) => finding);
  }
}

function hexIds(ids: Uint8Array): Set<string> {
  const blobs = new Set<string>();
  for (let at = 0; at < ids.length; at += ID_BYTES) blobs.add(encodeHex(ids, at, ID_BYTES));
  return blobs;
}
