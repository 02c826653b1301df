/**
 * Checks a chain by its manifests. Each manifest must exist, have the id that its snapshot and its child name, agree
 * with its snapshot, and link to the member below. Manifests that are changed, missing or swapped are named.
 */
import { mapConcurrently } from "../../base/concurrency.ts";
import { IntegrityError } from "../../base/errors.ts";
import { decodeHex } from "../../base/hex.ts";
import { shortId } from "../../base/id.ts";
import { sha256Hex } from "../../crypto/digest.ts";
import { decodeManifest, type Manifest } from "../../format/manifest/manifest.ts";
import type { Node } from "../../format/tree/node.ts";
import { sidecarPath } from "../../format/manifest/series.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import type { Backup } from "../backup.ts";
import { type ChainMember, chainOfAnyLevels } from "./chain_links.ts";
import { findSeriesNodes, readSidecar } from "../content/contents.ts";
import { summaryProblem } from "../summary.ts";

/**
 * `gone`: retention removed it, which is no fault. `foreign`: another tool made it, without a manifest. `missing`: its
 * tree holds no manifest or no streams. `unreadable`: its trees or its manifest cannot be opened. `changed`: the
 * manifest disagrees with the snapshot. `swapped`: the manifest belongs to another backup. `unlinked`: it does not fit
 * the member below. `damaged`: its snapshot was rewritten, and the tree does not hold what the manifest lists.
 */
export type MemberState =
  | "ok"
  | "gone"
  | "foreign"
  | "missing"
  | "unreadable"
  | "changed"
  | "swapped"
  | "unlinked"
  | "damaged";

/** The result of checking one member. */
export interface MemberCheck {
  /** The member's state. */
  readonly state: MemberState;
  /** What is wrong, with the member's name; null for `ok`, `gone` and `foreign`. */
  readonly problem: string | null;
  /** The same without the member's name. */
  readonly reason: string | null;
}

/** A member of a chain and the result of its check. */
export type CheckedMember = ChainMember & MemberCheck;

const MEMBERS_AT_ONCE = 8;

/**
 * Checks every member of the chain that ends with `last`; level 0 comes first. Throws `IntegrityError` if the parents
 * form a circle.
 */
export async function checkChain(
  repository: IndexedRepository,
  backups: readonly Backup[],
  last: Backup,
): Promise<CheckedMember[]> {
  const members = chainOfAnyLevels(backups, last);
  const read = await checkMembers(repository, backups, members);
  return members.map((member, position) => {
    const { manifest, ...check } = read[position]!;
    const below = read[position - 1]?.manifest;
    const link = manifest && below ? linkProblem(manifest, members[position - 1]!, below) : null;
    return { ...member, ...(link === null ? check : failed("unlinked", member.backup!, link)) };
  });
}

/** The result for one member, and its manifest if the manifest is intact. */
interface ReadMember extends MemberCheck {
  readonly manifest: Manifest | null;
}

/** Checks each member on its own and keeps their order. `backups` are the possible owners of a swapped manifest. */
export async function checkMembers(
  repository: IndexedRepository,
  backups: readonly Backup[],
  members: readonly ChainMember[],
): Promise<ReadMember[]> {
  const known = new Set<string>(backups.map(({ id }) => id));
  const results: ReadMember[] = [];
  await mapConcurrently([...members.entries()], MEMBERS_AT_ONCE, async ([position, { backup }]) => {
    results[position] = backup === null
      ? { state: "gone", problem: null, reason: null, manifest: null }
      : await readMember(repository, backup, known);
  });
  return results;
}

async function readMember(
  repository: IndexedRepository,
  backup: Backup,
  known: ReadonlySet<string>,
): Promise<ReadMember> {
  const { info, id, damage } = backup;
  if (info === null && damage === null) return { state: "foreign", problem: null, reason: null, manifest: null };
  const refuse = (state: MemberState, reason: string) => ({ ...failed(state, backup, reason), manifest: null });
  if (info === null) return refuse("unreadable", damage!);
  try {
    const { streams, sidecar } = await findSeriesNodes(repository, backup);
    const text = await readSidecar(repository, sidecar);
    if (text === null) return refuse("missing", `its tree holds no manifest at ${sidecarPath(backup.series)}`);
    const digest = sha256Hex(text);
    if (digest !== id) {
      const isSwapped = known.has(digest);
      const whose = isSwapped ? "that of another backup" : "another one";
      return refuse(isSwapped ? "swapped" : "changed", `the manifest in its tree is ${whose}, ${digest}`);
    }
    const manifest = decodeManifest(text, `manifest of backup ${id}`);
    const problem = summaryProblem(info, manifest);
    if (problem !== null) return refuse("changed", problem);
    if (damage !== null) return refuse("damaged", damage);
    if (!areThere(streams, repository)) return refuse("missing", "its tree does not hold its streams");
    return { state: "ok", problem: null, reason: null, manifest };
  } catch (error) {
    if (error instanceof IntegrityError) return refuse("unreadable", error.message);
    throw error;
  }
}

/** Whether the directory of the streams exists. Its content may be megabytes; those who need it read it. */
function areThere(streams: Node | undefined, { index }: IndexedRepository<"tree">): boolean {
  return streams?.type === "dir" && streams.subtree !== null && index.has("tree", decodeHex(streams.subtree));
}

function failed(state: MemberState, { series, id }: Backup, reason: string): MemberCheck {
  return { state, problem: `${series}@${shortId(id)}: ${reason}`, reason };
}

/** What does not fit between a member and the member below it. That may be the base instead of the parent. */
function linkProblem(manifest: Manifest, below: ChainMember, belowManifest: Manifest): string | null {
  const base = belowManifest.base ?? below.id;
  if (manifest.series !== belowManifest.series) return `it continues a backup of "${belowManifest.series}"`;
  if (manifest.base !== base) return `its base is ${manifest.base}, that of its parent ${base}`;
  if (manifest.parent === below.id && manifest.level !== belowManifest.level + 1) {
    return `its level is ${manifest.level}, its parent's ${belowManifest.level}`;
  }
  return null;
}
