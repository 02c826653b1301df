/** What a damaged backup has lost, in terms of its files and streams and their byte ranges. */
import { IntegrityError } from "../../base/errors.ts";
import type { Backup } from "../../backup/backup.ts";
import { readManifest } from "../../backup/content/contents.ts";
import type { Manifest, ManifestFile } from "../../format/manifest/manifest.ts";
import type { Node } from "../../format/tree/node.ts";
import { joinRanges, type LostRange, lostRanges, PieceBorders, shiftRange } from "./lost_ranges.ts";
import { DAMAGED_SUFFIX, type TreeDamage } from "./tree_repair.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import { findNode, readTree, subtreeOf } from "../../repository/tree/trees.ts";

/** A file, a stream or a directory that has lost something. */
export interface Loss {
  /** From the root of the snapshot, without a leading slash. */
  readonly path: string;
  /** Original size in bytes; null for a directory whose tree is lost and that no manifest describes. */
  readonly size: number | null;
  /** MD5 of the whole, if a manifest records it. */
  readonly md5: string | null;
  /** The lost ranges, ascending. If there are none but the size is known, only the recorded size was wrong. */
  readonly ranges: readonly LostRange[];
}

/**
 * The most byte ranges that are reported for all backups together. Thousands of backups may each have lost thousands.
 */
const MOST_TOLD_RANGES = 100_000;

/** Limits the reported losses of all backups. */
export class ToldLosses {
  #rangesLeft: number;

  constructor(mostRanges = MOST_TOLD_RANGES) {
    this.#rangesLeft = mostRanges;
  }

  /** The losses of a backup that are within the limit. The first one is always included. */
  take(losses: readonly Loss[]): readonly Loss[] {
    const isTold = ({ ranges }: Loss, position: number) => {
      this.#rangesLeft -= Math.max(1, ranges.length);
      return position === 0 || this.#rangesLeft >= 0;
    };
    const firstUntold = losses.findIndex((loss, position) => !isTold(loss, position));
    return firstUntold < 0 ? losses : losses.slice(0, firstUntold);
  }
}

/**
 * The losses of a backup. If its manifest can be read, they are given by its streams; a long stream is one loss, not
 * one for each part.
 */
export async function lossesOf(
  repository: IndexedRepository,
  backup: Backup,
  damage: readonly TreeDamage[],
): Promise<Loss[]> {
  const manifest = await manifestIfReadable(repository, backup);
  if (manifest === null) return damage.map(lossOf);
  const losses: Loss[] = [];
  const byPath = new Map(damage.map((one) => [one.path, one]));
  const told = new Set<TreeDamage>();
  for (const file of manifest.files) {
    const path = `${manifest.series}/${file.path}`;
    const own = damageOf(path, file, byPath);
    if (own.length === 0) continue;
    for (const one of own) told.add(one);
    const ranges = await rangesOf(repository, backup, { file, path, own });
    losses.push({ path, size: file.size, md5: file.md5, ranges });
  }
  return [...losses, ...damage.filter((one) => !told.has(one)).map(lossOf)];
}

/** The damage of a stream: its own, that of a directory above it, or that of its parts. */
function damageOf(path: string, { parts }: ManifestFile, byPath: ReadonlyMap<string, TreeDamage>): TreeDamage[] {
  for (let end = path.indexOf("/"); end >= 0; end = path.indexOf("/", end + 1)) {
    const above = byPath.get(path.slice(0, end));
    if (above?.type === "dir") return [above];
  }
  const own = byPath.get(path);
  if (own) return [own];
  return parts === undefined ? [] : [...byPath.values()].filter((one) => one.path.startsWith(`${path}/`));
}

async function manifestIfReadable(repository: IndexedRepository, backup: Backup): Promise<Manifest | null> {
  try {
    const manifest = await readManifest(repository, backup);
    return manifest?.series === backup.series ? manifest : null;
  } catch (error) {
    if (error instanceof IntegrityError) return null;
    throw error;
  }
}

function lossOf({ path, size, ranges }: TreeDamage): Loss {
  return { path, size, md5: null, ranges };
}

interface DamagedStream {
  readonly file: ManifestFile;
  readonly path: string;
  readonly own: readonly TreeDamage[];
}

async function rangesOf(
  repository: IndexedRepository,
  backup: Backup,
  { file, path, own }: DamagedStream,
): Promise<readonly LostRange[]> {
  const [first] = own;
  if (first!.type === "dir" && `${path}/`.startsWith(`${first!.path}/`)) {
    return file.size > 0 ? [{ offset: 0, length: file.size, isExact: true }] : [];
  }
  if (first!.path === path) return first!.ranges;
  return await rangesOverParts(repository, backup, { file, path, own });
}

/** The losses of a long stream as ranges of the whole stream. Its parts are directories, each with one file. */
async function rangesOverParts(repository: IndexedRepository, backup: Backup, { file, path, own }: DamagedStream) {
  const folder = await findNode(repository, backup.snapshot.tree, path);
  const parts = folder?.type === "dir" ? await readTree(repository, subtreeOf(folder)) : [];
  const byPath = new Map(own.map((one) => [one.path, one]));
  const sizes = new Float64Array(parts.length);
  const lost = new Uint8Array(parts.length);
  const inner: { readonly part: number; readonly range: LostRange }[] = [];
  for (const [i, part] of parts.entries()) {
    const partPath = `${path}/${part.name}`;
    if (byPath.has(partPath)) {
      sizes[i] = NaN;
      lost[i] = 1;
      continue;
    }
    const nodes = await filesOfPart(repository, part);
    sizes[i] = nodes.reduce((sum, { size }) => sum + size, 0);
    for (const { name } of nodes) {
      for (const range of byPath.get(`${partPath}/${name}`)?.ranges ?? []) inner.push({ part: i, range });
    }
  }
  const pieces = { sizes, lost, total: file.size };
  const borders = new PieceBorders(pieces);
  const ranges = [...lostRanges(pieces), ...inner.map(({ part, range }) => shiftRange(range, borders.at(part)))];
  return joinRanges(ranges.sort((a, b) => a.offset - b.offset));
}

async function filesOfPart(repository: IndexedRepository, part: Node): Promise<readonly Node[]> {
  if (part.type !== "dir") return [part];
  return (await readTree(repository, subtreeOf(part))).filter(({ type }) => type === "file");
}

/** The last line of a list that omits losses. */
export function describeMore(count: number): string {
  return `and ${count} more: the names of damaged files end in ${DAMAGED_SUFFIX}`;
}

/** A loss in one line: what, how much of it, and which ranges, at most `most`. */
export function describeLoss({ path, size, md5, ranges }: Loss, most = Infinity): string {
  const name = JSON.stringify(path);
  if (size === null) return `${name}: the directory is lost with all that was in it`;
  const whole = md5 === null ? `${size} bytes` : `${size} bytes with the MD5 ${md5}`;
  if (ranges.length === 0) return `${name}: nothing is lost, but it was recorded as of ${whole}`;
  const [first] = ranges;
  if (ranges.length === 1 && first!.isExact && first!.length === size) return `${name}: all of its ${whole} are lost`;
  const shown = ranges.slice(0, most).map(describeRange).join(", ");
  const more = ranges.length > most ? ` and ${ranges.length - most} more ranges` : "";
  return `${name}: of ${whole}, lost ${ranges.length === 1 ? "is" : "are"} ${shown}${more}`;
}

function describeRange({ offset, length, isExact }: LostRange): string {
  const last = offset + length - 1;
  if (!isExact) return `some of the bytes ${offset} to ${last}`;
  return length === 1 ? `byte ${offset}` : `bytes ${offset} to ${last}`;
}
