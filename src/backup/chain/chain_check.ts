/**
 * Checks a chain by its manifests: each is there and the one its snapshot and its child name, says what its snapshot says,
 * and its links lead to the members below. What is changed, missing or swapped is named.
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
import { type ChainMember, linkedMembers } from "./chain_links.ts";
import { findSeriesNodes, readSidecar } from "../contents.ts";
import { summaryProblem } from "../summary.ts";

/**
 * `gone`: retention removed it, nothing is wrong with that. `foreign`: another tool made it, without a manifest.
 * `missing`: no manifest in its tree, or no streams. `unreadable`: its trees or its manifest do not open. `changed`: it
 * does not say what the snapshot says. `swapped`: it is another backup's. `unlinked`: it does not fit the member below.
 * `damaged`: its snapshot was rewritten, and the tree does not hold what the manifest lists.
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

/** How a member is. */
export interface MemberCheck {
  /** What it is like. */
  readonly state: MemberState;
  /** What is wrong, naming the member; null in the first three states. */
  readonly problem: string | null;
  /** The same without the member's name. */
  readonly reason: string | null;
}

/** A member of a chain and how it is. */
export type CheckedMember = ChainMember & MemberCheck;

const MEMBERS_AT_ONCE = 8;

/** Checks every member of the chain that ends with `last`, its level 0 first. Throws `IntegrityError` for a circle. */
export async function checkChain(
  repository: IndexedRepository,
  backups: readonly Backup[],
  last: Backup,
): Promise<CheckedMember[]> {
  const members = linkedMembers(backups, last);
  const read = await checkMembers(repository, backups, members);
  return members.map((member, position) => {
    const { manifest, ...check } = read[position]!;
    const below = read[position - 1]?.manifest;
    const link = manifest && below ? linkProblem(manifest, members[position - 1]!, below) : null;
    return { ...member, ...(link === null ? check : failed("unlinked", member.backup!, link)) };
  });
}

/** The check of one member, and its manifest where that is what it should be. */
interface ReadMember extends MemberCheck {
  readonly manifest: Manifest | null;
}

/** Checks members each for itself, in the order given. `backups` are those that a swapped manifest may belong to. */
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

/** Whether the directory of the streams is there; what is in it may be megabytes and is left to those who read it. */
function areThere(streams: Node | undefined, { index }: IndexedRepository<"tree">): boolean {
  return streams?.type === "dir" && streams.subtree !== null && index.has("tree", decodeHex(streams.subtree));
}

function failed(state: MemberState, { series, id }: Backup, reason: string): MemberCheck {
  return { state, problem: `${series}@${shortId(id)}: ${reason}`, reason };
}

/** What does not fit between a member and the one below it, whose id may be that of a base further down. */
function linkProblem(manifest: Manifest, below: ChainMember, belowManifest: Manifest): string | null {
  const base = belowManifest.base ?? below.id;
  if (manifest.series !== belowManifest.series) return `it continues a backup of "${belowManifest.series}"`;
  if (manifest.base !== base) return `its base is ${manifest.base}, that of its parent ${base}`;
  if (manifest.parent === below.id && manifest.level !== belowManifest.level + 1) {
    return `its level is ${manifest.level}, its parent's ${belowManifest.level}`;
  }
  return null;
}
