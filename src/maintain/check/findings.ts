/**
 * The findings of a check: errors and notes, each with the snapshots that it affects, and packs whose blobs cannot be
 * trusted.
 */
import { encodeHex } from "../../base/hex.ts";
import { ID_BYTES, type SnapshotId } from "../../base/id.ts";
import type { BlobIndex } from "../../repository/index/blob_index.ts";

/** What a finding is about. `file` is a file in a tree, `chain` the link from a backup to its parent. */
export type FindingKind = "index" | "pack" | "tree" | "file" | "snapshot" | "manifest" | "chain" | "lock" | "key";

/** All repairs, in the order in which they must be run. */
export const REPAIRS = ["index", "packs", "snapshots"] as const;
/** One of the repairs of "agent repair". */
export type Repair = typeof REPAIRS[number];

/** One finding. */
export interface Finding {
  readonly kind: FindingKind;
  /** The full id of the object; null if it has none. */
  readonly id: string | null;
  /** One line: what is wrong. */
  readonly text: string;
  /** One line: what to do about it. */
  readonly advice: string;
  /** The repair to begin with, if one helps. */
  readonly repair?: Repair;
  /** Affected files in trees, without a leading slash: the first `MOST_PATHS` of them. */
  readonly paths: Set<string>;
  /** Affected snapshots, as far as known. */
  readonly snapshots: Set<SnapshotId>;
}

/** The initial content of a finding. The rest is added as it becomes known. */
interface FindingFields extends Pick<Finding, "kind" | "id" | "text" | "advice" | "repair"> {
  readonly path?: string;
  readonly snapshots?: Iterable<SnapshotId>;
}

/** The most paths that a finding names. A lost pack may affect any number of files. */
export const MOST_PATHS = 20;

/** Collects findings in the order they are made. */
export class Findings {
  readonly errors: Finding[] = [];
  readonly notes: Finding[] = [];

  /** Adds damage. */
  error(fields: FindingFields): Finding {
    return added(this.errors, fields);
  }

  /** Adds a remark that is no damage. */
  note(fields: FindingFields): Finding {
    return added(this.notes, fields);
  }

  /** All snapshots that errors affect. */
  get damagedSnapshots(): Set<SnapshotId> {
    return new Set(this.errors.flatMap(({ snapshots }) => [...snapshots]));
  }
}

function added(list: Finding[], { path, snapshots, ...fields }: FindingFields): Finding {
  const finding = { ...fields, paths: new Set(path === undefined ? [] : [path]), snapshots: new Set(snapshots) };
  list.push(finding);
  return finding;
}

/** Adds a path to a finding, unless it has enough paths already. */
export function addPath(finding: Finding, path: string): void {
  if (finding.paths.size < MOST_PATHS) finding.paths.add(path);
}

interface Suspicion {
  readonly finding: Finding;
  /** The ids of the blobs in doubt, as hex; null for all blobs of the pack. */
  readonly blobs: ReadonlySet<string> | null;
}

/** Packs with blobs that are lost or in doubt, by their numbers in the index. */
export class SuspectPacks {
  readonly #suspicions = new Map<number, Suspicion[]>();

  /** Whether no pack is suspect. */
  get isEmpty(): boolean {
    return this.#suspicions.size === 0;
  }

  /** Whether any blob of the pack is in doubt. */
  has(pack: number): boolean {
    return this.#suspicions.has(pack);
  }

  /** Puts all blobs of a pack in doubt or, with `ids` (32 bytes each), only those. */
  add(pack: number, finding: Finding, ids?: Uint8Array): void {
    const suspicion = { finding, blobs: ids === undefined ? null : hexIds(ids) };
    const earlier = this.#suspicions.get(pack);
    if (earlier) earlier.push(suspicion);
    else this.#suspicions.set(pack, [suspicion]);
  }

  /** Why a blob of the pack is in doubt; usually empty. Its id is in `ids` at `offset`. */
  reasons(pack: number, ids: Uint8Array, offset = 0): readonly Finding[] {
    const suspicions = this.#suspicions.get(pack);
    if (suspicions === undefined) return [];
    const id = encodeHex(ids, offset, ID_BYTES);
    return suspicions.filter(({ blobs }) => blobs === null || blobs.has(id)).map(({ finding }) => finding);
  }

  /** Why a tree is in doubt; empty as long as one of its copies is not. Its id has 32 bytes. */
  reasonsOfTree(index: BlobIndex<"tree">, tree: Uint8Array): readonly Finding[] {
    const place = index.locate("tree", tree);
    if (this.isEmpty || place === undefined) return [];
    const ofCopies = [place, ...index.furtherPlaces("tree", tree)].map(({ pack }) => this.reasons(pack, tree));
    return ofCopies.every((reasons) => reasons.length > 0) ? ofCopies.flat() : [];
  }
}

function hexIds(ids: Uint8Array): Set<string> {
  const blobs = new Set<string>();
  for (let at = 0; at < ids.length; at += ID_BYTES) blobs.add(encodeHex(ids, at, ID_BYTES));
  return blobs;
}
