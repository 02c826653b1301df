/**
 * Repair packs: the blobs of damaged packs that are still whole go to new packs, then the damaged ones go.
 *
 * First the new packs and their index are durable, then the index files no longer list the damaged packs, then these are
 * removed. So whatever stops a repair, every blob that could be read before can be read afterwards.
 */
import { IntegrityError, NotFoundError, UsageError } from "../base/errors.ts";
import { asId, type IndexId, isId, type PackId } from "../base/id.ts";
import { PipelineThreads } from "../pipeline/threads.ts";
import type { BlobType, PackedBlob } from "../format/blob.ts";
import { BlobIndex, plaintextLength } from "../repository/blob_index.ts";
import { Findings, SuspectPacks } from "../repository/check_findings.ts";
import { type CheckContext, checkIndex, packsOfIndex } from "../repository/check_index.ts";
import { checkPacks } from "../repository/check_packs.ts";
import { PackWriter } from "../repository/pack_writer.ts";
import { exchangeIndexFiles, IndexFileWriter } from "../repository/repair_index_files.ts";
import { keyOf, plaintextOf, salvagePack } from "../repository/repair_pack.ts";
import type { Repository } from "../repository/repository.ts";
import type { RepositoryAccess, World } from "./access.ts";
import { checkPackData } from "./check_data.ts";
import { type RepairOptions, type RepairProgress, type RepairSession, withRepairSession } from "./repair.ts";

/** Options of `repairPacks`. */
export interface RepairPacksOptions extends RepairOptions {
  /** Ids of packs, or their beginnings; none: all packs are read, and those that are damaged are meant. */
  readonly packs: readonly string[];
}

/** A blob that is lost: no pack holds it any more. */
export interface LostBlob {
  readonly type: BlobType;
  /** 64 hex digits. */
  readonly id: string;
  /** Bytes of its plaintext. */
  readonly bytes: number;
  readonly pack: PackId;
}

/** What became of one pack. */
export interface RepairedPack {
  readonly id: PackId;
  /** `sound`: there was nothing to repair, and nothing was done; `missing`: only the index knew it, which forgets it. */
  readonly state: "repaired" | "sound" | "missing";
  /** Blobs that were whole, and those that were not. */
  readonly blobsSaved: number;
  readonly blobsLost: number;
}

/** What was repaired, or would be. */
export interface PackRepair {
  /** In the order of their ids. */
  readonly packs: readonly RepairedPack[];
  /** Blobs of these packs that no other pack holds either. */
  readonly lost: readonly LostBlob[];
  /** New packs; a dry run writes none. */
  readonly packsWritten: number;
}

/**
 * Saves what is whole in damaged packs. Throws `UsageError` for an id that names no pack, `IntegrityError` where an index
 * file cannot be read (then the index has to be repaired first), what opening and locking throw, and the signal's reason.
 */
export function repairPacks(access: RepositoryAccess, world: World, options: RepairPacksOptions): Promise<PackRepair> {
  return withRepairSession(access, world, options, (session) => new PacksRepair(session, world, options).perform());
}

/** One repair of packs in an open, locked repository. */
class PacksRepair {
  readonly #repository: Repository;
  readonly #assertLock: () => void;
  readonly #world: World;
  readonly #options: RepairPacksOptions;
  readonly #findings = new Findings();
  readonly #suspects = new SuspectPacks();
  /** What the index files say of the packs to be repaired, and which files those are. */
  readonly #described = new Map<PackId, PackedBlob[]>();
  readonly #listedIn = new Map<PackId, Set<IndexId>>();
  /** Blobs that other packs hold, as far as is known. */
  readonly #elsewhere = new BlobIndex({ dataPlaces: false });
  /** Blobs that were saved: all that are whole, since what is held elsewhere may be damaged there. */
  readonly #saved = new BlobIndex({ dataPlaces: false });

  constructor({ repository, assertLock }: RepairSession, world: World, options: RepairPacksOptions) {
    this.#repository = repository;
    this.#assertLock = assertLock;
    this.#world = world;
    this.#options = options;
  }

  async perform(): Promise<PackRepair> {
    const targets = await this.#findTargets();
    if (targets.size === 0) return { packs: [], lost: [], packsWritten: 0 };
    await this.#readIndex(targets);
    const { clock, randomBytes } = this.#world;
    const { signal, dryRun } = this.#options;
    const writer = new PackWriter({
      repository: this.#repository,
      index: this.#saved,
      clock,
      randomBytes,
      signal,
    });
    const packs: RepairedPack[] = [];
    const lost: { pack: PackId; blob: PackedBlob }[] = [];
    for (const id of targets) {
      const { repaired, lostBlobs } = await this.#salvage(id, writer);
      packs.push(repaired);
      for (const blob of lostBlobs) lost.push({ pack: id, blob });
      this.#progress("packs", packs.length, targets.size);
    }
    if (!dryRun) {
      await writer.finish();
      await this.#replace(packs.filter(({ state }) => state !== "sound"));
    }
    return { packs, lost: this.#trulyLost(lost), packsWritten: dryRun ? 0 : writer.totals.packs };
  }

  /** The packs to be repaired, sorted. */
  async #findTargets(): Promise<Set<PackId>> {
    const { index: _, packs } = await checkIndex(this.#context("index"));
    const unreadable = this.#findings.errors.find(({ kind }) => kind === "index");
    if (unreadable) throw new IntegrityError(`${unreadable.text}; run "agent repair index" first`);
    const { whole } = await checkPacks(this.#context("packs"), packs);
    const { packs: named, signal } = this.#options;
    if (named.length > 0) {
      const known = new Set<PackId>(packs.keys());
      for await (const { name } of this.#repository.store.list("pack", { signal })) known.add(asId<PackId>(name));
      return new Set(named.map((text) => packNamed(text, known)).sort());
    }
    const threads = new PipelineThreads(this.#world.blobThreads);
    try {
      await threads.configure(this.#repository.keys, "off");
      await checkPackData({ ...this.#context("data"), threads }, whole);
    } finally {
      threads.terminate();
    }
    const damaged = this.#findings.errors.flatMap(({ kind, id }) => kind === "pack" ? [id as PackId] : []);
    return new Set(damaged.sort());
  }

  /** Sorts what the index files say into what is to be repaired and what is whole elsewhere. */
  async #readIndex(targets: ReadonlySet<PackId>): Promise<void> {
    const { files } = this.#repository;
    const { signal } = this.#options;
    const inDoubt = new Set(this.#findings.errors.map(({ id }) => id));
    for await (const { name } of files.list("index", { signal })) {
      const file = asId<IndexId>(name);
      for (const [id, blobs] of packsOfIndex(await files.load("index", file, { signal }), `index ${file}`)) {
        if (targets.has(id)) {
          this.#described.set(id, [...this.#described.get(id) ?? [], ...blobs]);
          this.#listedIn.set(id, (this.#listedIn.get(id) ?? new Set()).add(file));
        } else if (!inDoubt.has(id)) {
          for (const blob of blobs) this.#elsewhere.add(blob.type, NOWHERE, blob.id);
        }
      }
    }
  }

  async #salvage(
    id: PackId,
    writer: PackWriter,
  ): Promise<{ repaired: RepairedPack; lostBlobs: readonly PackedBlob[] }> {
    const { signal, dryRun } = this.#options;
    signal.throwIfAborted();
    const described = this.#described.get(id) ?? [];
    const bytes = await this.#readPack(id);
    if (bytes === null) {
      return { repaired: { id, state: "missing", blobsSaved: 0, blobsLost: described.length }, lostBlobs: described };
    }
    const { sealer } = this.#repository;
    const { isSound, whole, lost } = salvagePack({ id, bytes, described }, sealer);
    for (const blob of whole) {
      const { type, offset, length, uncompressedLength } = blob;
      const sealed = bytes.subarray(offset, offset + length);
      if (isSound) this.#elsewhere.add(type, NOWHERE, blob.id);
      else if (dryRun) this.#saved.add(type, NOWHERE, blob.id);
      else if (type === "data") await writer.addData({ id: blob.id, sealed, uncompressedLength });
      else await writer.addPlaintext("tree", plaintextOf(blob, bytes, sealer)!);
    }
    const state = isSound ? "sound" : "repaired";
    return { repaired: { id, state, blobsSaved: whole.length, blobsLost: lost.length }, lostBlobs: lost };
  }

  /** The whole file, or null where it is gone. */
  async #readPack(id: PackId): Promise<Uint8Array | null> {
    try {
      return await this.#repository.store.get({ kind: "pack", name: id }, undefined, { signal: this.#options.signal });
    } catch (error) {
      if (error instanceof NotFoundError) return null;
      throw error;
    }
  }

  /**
   * Takes the packs out of the index files, then those that were read out of the store. One that the store did not find
   * stays: if it turns up again, nothing of it is lost.
   */
  async #replace(packs: readonly RepairedPack[]): Promise<void> {
    const { signal } = this.#options;
    const gone = new Set(packs.map(({ id }) => id));
    const readable = [...new Set(packs.flatMap(({ id }) => [...this.#listedIn.get(id) ?? []]))].sort();
    const exchange = { readable, damaged: [], keeps: (_: IndexId, pack: PackId) => !gone.has(pack) };
    await exchangeIndexFiles(this.#repository, exchange, {
      writer: new IndexFileWriter(this.#repository.files, signal),
      assertLock: this.#assertLock,
      signal,
      onProgress: (done, total) => this.#progress("write", done, total),
    });
    for (const { id: name, state } of packs) {
      if (state !== "repaired") continue;
      signal.throwIfAborted();
      this.#assertLock();
      await this.#repository.store.remove({ kind: "pack", name }, { signal });
    }
  }

  #trulyLost(lost: readonly { pack: PackId; blob: PackedBlob }[]): LostBlob[] {
    const byKey = new Map<string, LostBlob>();
    for (const { pack, blob } of lost) {
      if ([this.#elsewhere, this.#saved].some((index) => index.has(blob.type, blob.id))) continue;
      const key = keyOf(blob);
      const bytes = plaintextLength({ ...blob, pack: 0 });
      byKey.set(key, { type: blob.type, id: key.slice(blob.type.length + 1), bytes, pack });
    }
    return [...byKey.values()];
  }

  #progress(phase: RepairProgress["phase"], done: number, total: number): void {
    this.#options.onProgress?.({ phase, done, total });
  }

  #context(phase: RepairProgress["phase"]): CheckContext {
    return {
      repository: this.#repository,
      findings: this.#findings,
      suspects: this.#suspects,
      signal: this.#options.signal,
      onProgress: (done, total) => this.#progress(phase, done, total),
    };
  }
}

/** Only whether these blobs are somewhere is asked. */
const NOWHERE = { pack: 0, offset: 0, length: 0, uncompressedLength: 0 };

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
