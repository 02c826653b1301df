/**
 * Repair packs: copies the whole blobs of damaged packs to new packs, then removes the damaged packs.
 *
 * The order protects every blob: first the new packs and their index are durable; then the index files stop listing the
 * damaged packs, and the store confirms that; then the damaged packs are removed. So a blob that could be read before a
 * repair can be read after it, even if the repair stops halfway.
 */
import { IntegrityError, NotFoundError, StoreError, UsageError } from "../../base/errors.ts";
import { asId, ID_BYTES, type IndexId, isId, type PackId } from "../../base/id.ts";
import type { PackedBlob } from "../../format/blob.ts";
import { BlobSet } from "../../repository/index/blob_index.ts";
import { Findings, SuspectPacks } from "../../maintain/check/findings.ts";
import { type CheckContext, checkIndex } from "../../maintain/check/check_index.ts";
import { checkPacks } from "../../maintain/check/check_packs.ts";
import { confirmListed } from "../../repository/confirm_listing.ts";
import { IndexFileWriter } from "../../repository/index/index_file_writer.ts";
import { packsOfIndex } from "../../format/index/index_packs.ts";
import { PackWriter } from "../../repository/pack/pack_writer.ts";
import { exchangeIndexFiles } from "../../maintain/repair/exchange_index_files.ts";
import { compareWithName, readPackHeader } from "../../repository/pack/pack_reader.ts";
import { type LostBlobList, LostBlobs } from "../../maintain/repair/lost_blobs.ts";
import {
  joinRemains,
  type PackRemains,
  plaintextOf,
  salvagePack,
  type WholeBlob,
} from "../../maintain/repair/salvage_pack.ts";
import type { LockedRepository } from "../../repository/repository.ts";
import { failureOfFile } from "../../repository/unreadable.ts";
import type { ListedFile } from "../../store/store.ts";
import type { RepositoryAccess } from "../access.ts";
import { packBytesFor } from "../../backup/buffers.ts";
import { checkPackData } from "../../maintain/check/check_data.ts";
import {
  type RepairOptions,
  type RepairProgress,
  type RepairRequest,
  type RepairRun,
  withRepairSession,
} from "./repair_session.ts";

/** Which packs to repair. */
export interface RepairPacksRequest extends RepairRequest {
  /** Ids of packs, or their beginnings. If empty, all packs are read, and the damaged ones are repaired. */
  readonly packs: readonly string[];
}

/** The result for one pack. */
export interface RepairedPack {
  /** The pack. */
  readonly id: PackId;
  /**
   * `sound`: nothing was wrong, and nothing was done. `missing`: the store does not have the pack, and the index no
   * longer lists it. `unreadable`: the store has the pack but cannot deliver it, so nothing about it changes.
   */
  readonly state: "repaired" | "sound" | "missing" | "unreadable";
  /** Why it cannot be read; null if it can be read or is missing. */
  readonly reason: string | null;
  /** Blobs that were whole. */
  readonly blobsSaved: number;
  /** Blobs that could not be saved. */
  readonly blobsLost: number;
}

/** What was repaired, or would be. */
export interface PackRepair {
  /** The packs, sorted by id. */
  readonly packs: readonly RepairedPack[];
  /** Blobs that are lost: they are not whole in these packs, and no other pack holds them. */
  readonly lost: LostBlobList;
  /** How many packs were written; 0 in a dry run. */
  readonly packsWritten: number;
}

/**
 * Saves the whole blobs of damaged packs. Throws `UsageError` for an id that names no pack, `IntegrityError` if an
 * index file cannot be read (repair the index first), `StoreError` if the store lists unexpected index files after the
 * exchange, and what opening and locking throw.
 */
export function repairPacks(
  access: RepositoryAccess,
  request: RepairPacksRequest,
  options: RepairOptions,
): Promise<PackRepair> {
  return withRepairSession(access, request, options, (repository, run) => new RepairOfPacks(repository, run).perform());
}

/** One repair of packs in an open, locked repository. */
class RepairOfPacks {
  readonly #repository: LockedRepository;
  readonly #run: RepairPacksRequest & RepairRun;
  readonly #suspects = new SuspectPacks();
  /** What the index files say about the packs to be repaired, and which files those are. */
  readonly #described = new Map<PackId, PackedBlob[]>();
  readonly #listedIn = new Map<PackId, Set<IndexId>>();
  /** All index files at the start. */
  readonly #indexFiles = new Set<IndexId>();
  /** Packs that are missing or damaged, or whose index entries cannot be true. */
  #doubtful: ReadonlySet<PackId> = new Set();
  /** Packs that the store does not list. */
  #missing: ReadonlySet<PackId> = new Set();
  /** Blobs that other packs hold, as far as known. */
  readonly #elsewhere = new BlobSet();
  /** Saved blobs. All whole blobs are saved, because a copy in another pack may be damaged. */
  readonly #saved = new BlobSet();
  /** Blobs that are not whole in the repaired packs. */
  readonly #lost = new LostBlobs();

  constructor(repository: LockedRepository, run: RepairPacksRequest & RepairRun) {
    this.#repository = repository;
    this.#run = run;
  }

  async perform(): Promise<PackRepair> {
    const targets = await this.#findTargets();
    if (targets.size === 0) return { packs: [], lost: this.#lost, packsWritten: 0 };
    await this.#readIndex(targets);
    const { clock, randomBytes } = this.#run.world;
    const { signal, dryRun } = this.#run;
    const writer = new PackWriter({
      repository: this.#repository,
      index: this.#saved,
      clock,
      randomBytes,
      packBytes: packBytesFor(this.#run.world, this.#repository.store.uploads),
      signal,
    });
    try {
      const packs: RepairedPack[] = [];
      for (const id of targets) {
        packs.push(await this.#repairPack(id, writer));
        this.#progress("packs", packs.length, targets.size);
      }
      if (!dryRun) {
        await writer.finish();
        const going = packs.filter(({ state }) => state === "repaired" || state === "missing");
        if (going.length > 0) await this.#replace(going, writer.indexes);
      }
      return { packs, lost: this.#trulyLost(), packsWritten: dryRun ? 0 : writer.totals.packs };
    } catch (error) {
      // Durable packs still get an index, for the next repair. If that fails too, only the first failure is reported.
      await writer.abandon().catch(() => {});
      throw error;
    }
  }

  /** The ids of the packs to be repaired, sorted. */
  async #findTargets(): Promise<Set<PackId>> {
    const checked = await checkIndex(this.#context("index"));
    const { packs, unreadable: [unreadable] } = checked;
    if (unreadable) throw new IntegrityError(`${unreadable.message}; run "agent repair index" first`);
    const { whole, missing, unindexed } = await checkPacks(this.#context("packs"), checked);
    this.#missing = missing;
    const { packs: named } = this.#run;
    const world = this.#run.world;
    if (named.length === 0) {
      await checkPackData({ ...this.#context("data"), budget: world, passesOverOutages: true }, whole);
    }
    const doubtful = [...packs.values()].filter(({ number }) => this.#suspects.has(number));
    this.#doubtful = new Set(doubtful.map(({ id }) => id));
    if (named.length > 0) {
      const known = new Set([...packs.keys(), ...unindexed.map(({ name }) => asId<PackId>(name))]);
      return new Set(named.map((text) => packNamed(text, known)).sort());
    }
    return new Set([...this.#doubtful, ...await this.#damagedBesides(unindexed)].sort());
  }

  /** Damaged packs that are in no index but have a readable header. `repair index` does not list packs with damage. */
  async #damagedBesides(unindexed: readonly ListedFile[]): Promise<PackId[]> {
    const damaged: PackId[] = [];
    for (const { name, size } of unindexed) {
      const id = asId<PackId>(name);
      const { signal } = this.#run;
      signal.throwIfAborted();
      if (await isSound(() => readPackHeader(this.#repository, { id, bytes: size }, signal)) === false) continue;
      if (await isSound(() => compareWithName(this.#repository, { id, bytes: size }, signal)) === false) {
        damaged.push(id);
      }
    }
    return damaged;
  }

  /** Splits the index entries into blobs to be repaired and blobs that other packs hold. */
  async #readIndex(targets: ReadonlySet<PackId>): Promise<void> {
    const { files } = this.#repository;
    const { signal } = this.#run;
    for await (const { name } of files.list("index", { signal })) {
      const file = asId<IndexId>(name);
      this.#indexFiles.add(file);
      for (const [id, blobs] of packsOfIndex(await files.load("index", file, { signal }), `index ${file}`)) {
        if (targets.has(id)) {
          this.#described.set(id, [...this.#described.get(id) ?? [], ...blobs]);
          this.#listedIn.set(id, (this.#listedIn.get(id) ?? new Set()).add(file));
        } else if (!this.#doubtful.has(id)) {
          const { count, ids } = blobs;
          for (let i = 0; i < count; i++) this.#elsewhere.note(blobs.typeOf(i), ids, i * ID_BYTES);
        }
      }
    }
  }

  async #repairPack(id: PackId, writer: PackWriter): Promise<RepairedPack> {
    this.#run.signal.throwIfAborted();
    const described = this.#described.get(id) ?? [];
    let remains: PackRemains;
    try {
      remains = await this.#readRemains(id, described);
    } catch (error) {
      if (error instanceof NotFoundError && this.#missing.has(id)) {
        for (const blob of described) this.#lost.add(blob, id);
        return { id, state: "missing", reason: null, blobsSaved: 0, blobsLost: described.length };
      }
      const { message: reason } = await failureOfFile(this.#repository.store, error, this.#run.signal);
      this.#holdElsewhere(described);
      return { id, state: "unreadable", reason, blobsSaved: 0, blobsLost: 0 };
    }
    const { isSound, whole, lost } = remains;
    if (isSound) this.#holdElsewhere(whole);
    else await this.#save(whole, writer);
    for (const blob of lost) this.#lost.add(blob, id);
    const state = isSound ? "sound" : "repaired";
    return { id, state, reason: null, blobsSaved: whole.length, blobsLost: lost.length };
  }

  /** Reads a damaged pack a second time before blobs count as lost, because the damage may have happened in transit. */
  async #readRemains(id: PackId, described: readonly PackedBlob[]): Promise<PackRemains> {
    const first = await this.#readOnce(id, described);
    if (first.isSound) return first;
    const second = await this.#readOnce(id, described);
    return second.isSound ? second : joinRemains(first, second);
  }

  async #readOnce(id: PackId, described: readonly PackedBlob[]): Promise<PackRemains> {
    const { store, sealer } = this.#repository;
    const bytes = await store.get({ kind: "pack", name: id }, undefined, { signal: this.#run.signal });
    return salvagePack({ id, bytes, described }, sealer);
  }

  #holdElsewhere(blobs: readonly PackedBlob[]): void {
    for (const { type, id } of blobs) this.#elsewhere.note(type, id);
  }

  async #save(blobs: readonly WholeBlob[], writer: PackWriter): Promise<void> {
    for (const blob of blobs) {
      const { type, id, sealed, uncompressedLength } = blob;
      if (this.#run.dryRun) this.#saved.note(type, id);
      else if (type === "data") await writer.addData({ id, sealed, uncompressedLength });
      else await writer.addPlaintext("tree", plaintextOf(blob, sealed, this.#repository.sealer)!);
    }
  }

  /**
   * First replaces the index files that list the packs, then removes from the store those packs that could be read. A
   * pack that the store did not find is left alone: if it reappears, nothing of it is lost.
   */
  async #replace(packs: readonly RepairedPack[], indexesOfSaved: readonly IndexId[]): Promise<void> {
    const { signal } = this.#run;
    const repository = this.#repository;
    const gone = new Set(packs.map(({ id }) => id));
    const readable = [...new Set(packs.flatMap(({ id }) => [...this.#listedIn.get(id) ?? []]))].sort();
    const exchange = { readable, damaged: [], keeps: (_: IndexId, pack: PackId) => !gone.has(pack) };
    const writer = new IndexFileWriter(repository.files, { signal });
    await exchangeIndexFiles(repository, exchange, {
      writer,
      signal,
      onProgress: (done, total) => this.#progress("write", done, total),
    });
    const names = this.#indexFiles.difference(new Set(readable)).union(new Set([...writer.written, ...indexesOfSaved]));
    const tools = { files: repository.files, clock: this.#run.world.clock, signal };
    await confirmListed(tools, { kind: "index", names }, "no pack was removed");
    for (const { id: name, state } of packs) {
      if (state !== "repaired") continue;
      signal.throwIfAborted();
      await repository.store.remove({ kind: "pack", name }, { signal });
    }
  }

  #trulyLost(): LostBlobs {
    return this.#lost.without((type, id) => [this.#elsewhere, this.#saved].some((blobs) => blobs.has(type, id)));
  }

  #progress(phase: RepairProgress["phase"], done: number, total: number): void {
    this.#run.onProgress?.({ phase, done, total });
  }

  #context(phase: RepairProgress["phase"]): CheckContext {
    return {
      repository: this.#repository,
      // Only the suspects matter for the repair, not the findings that a check would report.
      findings: new Findings(),
      suspects: this.#suspects,
      signal: this.#run.signal,
      onProgress: (done, total) => this.#progress(phase, done, total),
    };
  }
}

/** Whether reading finds no damage; null if the store cannot deliver the data, which proves nothing. */
async function isSound(read: () => Promise<unknown>): Promise<boolean | null> {
  try {
    await read();
    return true;
  } catch (error) {
    if (error instanceof IntegrityError) return false;
    if (error instanceof StoreError) return null;
    throw error;
  }
}

function packNamed(text: string, known: ReadonlySet<PackId>): PackId {
  if (!/^[0-9a-f]{4,64}$/.test(text)) {
    throw new UsageError(`Not the id of a pack: "${text}": "agent check" names packs by 64 hex digits`);
  }
  const fitting = isId(text) && known.has(asId<PackId>(text))
    ? [asId<PackId>(text)]
    : [...known].filter((id) => id.startsWith(text));
  if (fitting.length === 1) return fitting[0]!;
  const count = fitting.length === 0 ? "There is no pack" : `There are ${fitting.length} packs`;
  throw new UsageError(`${count} "${text}": "agent check" names the damaged ones in full`);
}
