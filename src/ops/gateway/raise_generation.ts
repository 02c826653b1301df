/**
 * Begins generations of keys that sign URLs. A generation that begins ends all before it: what they signed is refused
 * from then on.
 */
import { StoreError } from "../../base/errors.ts";
import type { Backup } from "../../backup/backup.ts";
import { existenceAhead, passingOver, wholeIndexOnDemand } from "../../backup/whole_index.ts";
import type { UrlKey } from "../../crypto/url_key.ts";
import { GATEWAY_SERIES } from "../../format/manifest/series.ts";
import type { Repository } from "../../repository/repository.ts";
import { type GatedOptions, openAccess, passGate, type RepositoryAccess, useCase } from "../access.ts";
import { writeSmallBackups } from "../values/small_backups.ts";
import {
  encodeRecord,
  GATEWAY_ENGINE,
  type Generation,
  GENERATION_NONCE_BYTES,
  RECORD_FILE_NAME,
  tagsOfRecord,
} from "./generation_record.ts";
import { keyOfGeneration, numberOf, RecordReader } from "./url_keys.ts";

/** How a generation begins. */
export interface GenerationOptions extends GatedOptions {
  /** The host that its record belongs to. */
  readonly host: string;
}

/** What came of it. */
export interface RaisedGeneration {
  /** The number of the generation that is valid. */
  readonly generation: number;
  /** The number of the one before it; null if there was none, so that no URL was valid. */
  readonly before: number | null;
  /** The backup that holds its record; null if the generation had begun before. */
  readonly backup: Backup | null;
}

/**
 * Begins a generation: all URLs that were signed before this began are refused by every gateway, by those that run within
 * `LOOK_AGAIN_MS`. Others may do the same at the same time. Throws `IntegrityError` if a snapshot or record cannot be
 * read, because it may say which generation is the highest; `LockedError`, and what the store throws.
 */
export async function raiseGeneration(
  access: RepositoryAccess,
  options: GenerationOptions,
): Promise<RaisedGeneration> {
  return await begin(access, () => true, options);
}

/** Begins the first generation, unless one has begun. Throws what `raiseGeneration` throws. */
export async function ensureGeneration(
  access: RepositoryAccess,
  options: GenerationOptions,
): Promise<RaisedGeneration> {
  return await begin(access, (highest) => highest === 0, options);
}

/**
 * Writes the record of the next generation if it is wanted. Several may do this at once, under shared locks, since a
 * backup that takes hours must not keep anybody from revoking URLs. Whoever signed a URL before the records are listed
 * had a record that is listed, so that its number is lower than the one written here.
 */
async function begin(
  access: RepositoryAccess,
  isWanted: (highest: number) => boolean,
  options: GenerationOptions,
): Promise<RaisedGeneration> {
  const { world, host } = options;
  return await useCase(options, async (signal) => {
    await using repository = await openAccess(access, options);
    await using lock = await repository.lock({ exclusive: false, signal });
    const passing = passingOver(world, signal);
    const ahead = { confirmed: lock.confirmed, random: world.randomBytes };
    await using existence = await existenceAhead([], repository, ahead, { ...passing, signal });
    const { index } = existence;
    const locked = await lock.confirmed;
    const openIndex = wholeIndexOnDemand(locked, passing);
    const records = new RecordReader({ repository: locked, openIndex, signal });
    const highest = numberOf(await records.highest());
    const before = highest === 0 ? null : highest;
    if (!isWanted(highest)) return { generation: highest, before, backup: null };
    await passGate(options, signal);
    const generation: Generation = { number: highest + 1, nonce: world.randomBytes(GENERATION_NONCE_BYTES) };
    const [backup] = await writeSmallBackups({ repository: locked, index, world, signal }, [{
      series: GATEWAY_SERIES,
      kind: "gateway",
      engine: GATEWAY_ENGINE,
      fileName: RECORD_FILE_NAME,
      content: encodeRecord(generation),
      compression: "auto",
      tags: tagsOfRecord(generation),
      host,
      // Tools that keep the newest backup of each path must keep this one, even if a clock was wrong.
      started: new Date(Math.max(world.clock.now().getTime(), records.newestMs + 1)),
    }]);
    return { generation: generation.number, before, backup: backup! };
  });
}

/**
 * The key that signs URLs for an open repository, which `access` opens, too. Begins the first generation if none has
 * begun. Throws what `raiseGeneration` throws.
 */
export async function signingKey(
  access: RepositoryAccess,
  repository: Repository,
  options: GenerationOptions,
): Promise<UrlKey> {
  const { world, signal } = options;
  const openIndex = wholeIndexOnDemand(repository, passingOver(world, signal));
  const records = new RecordReader({ repository, openIndex, signal });
  let [generation] = await records.highest();
  if (generation === undefined) {
    await ensureGeneration(access, options);
    [generation] = await records.highest();
  }
  if (generation !== undefined) return keyOfGeneration(repository, generation);
  throw new StoreError(`The store does not list the record in "${GATEWAY_SERIES}" that was just written: try again`);
}
