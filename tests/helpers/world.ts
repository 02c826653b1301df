/** A world that is the same in every run, and repositories in memory, for tests of everything above the store. */
import { createCipheriv, hash } from "node:crypto";
import type { JudgedSource } from "../../src/base/byte_source.ts";
import type { Clock } from "../../src/base/clock.ts";
import { listFiles, readManifest } from "../../src/backup/content/contents.ts";
import { type Backup, backupOf } from "../../src/backup/backup.ts";
import { DEFAULT_FILE_NAME, parseSeries, type StreamFileName } from "../../src/format/manifest/series.ts";
import type { GuardChoice } from "../../src/guard/guard.ts";
import type { Manifest } from "../../src/format/manifest/manifest.ts";
import { chooseFile, withBackup } from "../../src/ops/restore/get.ts";
import { put, type PutOptions, type PutRequest, type PutResult } from "../../src/ops/put.ts";
import type { CacheAccess, RepositoryAccess, World } from "../../src/ops/access.ts";
import { readBlob } from "../../src/repository/pack/pack_reader.ts";
import { loadIndex } from "../../src/repository/index/index_files.ts";
import type { BackupEngine } from "../../src/ops/session/backup_request.ts";
import type { Identity } from "../../src/repository/key_files.ts";
import { initRepository, openRepository, type UnlockedRepository } from "../../src/repository/repository.ts";
import { loadSnapshots } from "../../src/repository/snapshots.ts";
import { openMemoryStore } from "../../src/store/memory_store.ts";
import type { BlobStore, FileKind, FileName } from "../../src/store/store.ts";

/** Sleeps up to this length end by themselves; longer ones end when a test advances the clock. */
const SHORT_SLEEP_MS = 1000;

/** A clock that a test sets. Short sleeps end at once and move it; long ones wait for `advance`. */
export class FakeClock implements Clock {
  #ms = Date.UTC(2026, 0, 2, 3, 4, 5);
  #adjustedMs = 0;
  #sleepers: { readonly untilMs: number; readonly wake: () => void }[] = [];
  /** The length of every sleep so far, in milliseconds. */
  readonly sleeps: number[] = [];

  now(): Date {
    return new Date(this.#ms + this.#adjustedMs);
  }

  monotonicMs(): number {
    return this.#ms;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    this.sleeps.push(ms);
    if (ms <= SHORT_SLEEP_MS) {
      this.#ms += ms;
      return macrotask().then(() => signal?.throwIfAborted());
    }
    return new Promise((resolve, reject) => {
      const sleeper = { untilMs: this.#ms + ms, wake: resolve };
      this.#sleepers.push(sleeper);
      const stop = () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal!.reason);
      };
      signal?.addEventListener("abort", stop, { once: true });
    });
  }

  /** Moves the time on and wakes sleepers in order. It resolves when what they do at once is done. */
  async advance(ms: number): Promise<void> {
    const end = this.#ms + ms;
    for (;;) {
      await macrotask();
      const next = this.#sleepers.filter(({ untilMs }) => untilMs <= end).sort((a, b) => a.untilMs - b.untilMs)[0];
      if (next === undefined) break;
      this.#sleepers = this.#sleepers.filter((sleeper) => sleeper !== next);
      this.#ms = Math.max(this.#ms, next.untilMs);
      next.wake();
    }
    this.#ms = Math.max(this.#ms, end);
    await macrotask();
  }

  /** Moves the time on without waking sleepers, as in standby. */
  jump(ms: number): void {
    this.#ms += ms;
  }

  /** Sets the wall clock forward, or back if `ms` is negative; the monotonic time is not affected. */
  adjust(ms: number): void {
    this.#adjustedMs += ms;
  }
}

/** Resolves when everything that can run without waiting has run. */
export function macrotask(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Bytes that look random and are the same in every run: the key stream of a cipher. */
export function noise(count: number, seed: string): Uint8Array<ArrayBuffer> {
  const cipher = createCipheriv("aes-256-ctr", hash("sha256", seed, "buffer"), new Uint8Array(16));
  const bytes = new Uint8Array(cipher.update(new Uint8Array(count)));
  cipher.final();
  return bytes;
}

/** A source of random bytes that is the same in every run. */
export function seededRandom(seed: string): (count: number) => Uint8Array<ArrayBuffer> {
  let calls = 0;
  return (count) => noise(count, `${seed}#${calls++}`);
}

export const IDENTITY: Identity = {
  hostname: "db1",
  username: "dba",
  pid: 4711,
  uid: 1000,
  gid: 1000,
  process: { table: "db1", started: 1 },
};

/** A world with its own clock, in which keys are cheap to derive. Only the given processes are alive. */
export interface FakeWorld extends World {
  readonly clock: FakeClock;
  readonly kdf: typeof CHEAP_KDF;
}

export function fakeWorld(seed = "world", alive: readonly number[] = [IDENTITY.pid]): FakeWorld {
  return {
    clock: new FakeClock(),
    identity: IDENTITY,
    processExists: (pid) => alive.includes(pid),
    randomBytes: seededRandom(seed),
    blobThreads: 1,
    programVersion: "agent test",
    kdf: CHEAP_KDF,
    valueKdf: CHEAP_VALUE_KDF,
  };
}

export const PASSWORD = "correct horse";
/** Cheap, so that tests do not spend their time on deriving keys. */
export const CHEAP_KDF = { N: 2, r: 1, p: 1 } as const;
/** The same for the passwords of values. */
export const CHEAP_VALUE_KDF = { memoryKib: 8, passes: 1, lanes: 1 } as const;

/** Where tables of all repositories spill; undefined if they stay in memory. */
let spillCache: CacheAccess | undefined;

/** From now on, lets the tables of whatever `accessTo` gives access to spill. */
export function spillTo(cache: CacheAccess): void {
  spillCache = cache;
}

/** Access to the repository in a store. */
export function accessTo(store: BlobStore, password = PASSWORD): RepositoryAccess {
  return {
    openStore: () => Promise.resolve(store),
    password: () => Promise.resolve(password),
    retryLockMs: 0,
    ...spillCache && { spillCache: () => Promise.resolve(spillCache) },
  };
}

/** A new repository in memory. */
export async function memoryRepository(
  world: World,
): Promise<{ store: BlobStore; repository: UnlockedRepository; access: RepositoryAccess }> {
  const store = openMemoryStore();
  const repository = await initRepository(store, PASSWORD, { ...world, kdf: CHEAP_KDF });
  return { store, repository, access: accessTo(store) };
}

export const FILE_KINDS: readonly FileKind[] = ["config", "key", "lock", "snapshot", "index", "pack"];

/** All files of a store, sorted by kind and name. */
export async function allFiles(store: BlobStore): Promise<FileName[]> {
  const files: FileName[] = [];
  for (const kind of FILE_KINDS) {
    const names = (await Array.fromAsync(store.list(kind))).map(({ name }) => name);
    files.push(...names.sort().map((name) => ({ kind, name })));
  }
  return files;
}

/** The sorted names of the files of one kind. */
export async function namesOf(store: BlobStore, kind: FileKind): Promise<string[]> {
  return (await Array.fromAsync(store.list(kind))).map(({ name }) => name).sort();
}

/** Another store with the same files. */
export async function copyOf(store: BlobStore): Promise<BlobStore> {
  const copy = openMemoryStore();
  for (const file of await allFiles(store)) await copy.put(file, [await store.get(file)]);
  return copy;
}

/** Returns bytes in pieces, and counts how often it was cancelled. */
export class BytesSource implements JudgedSource {
  readonly #bytes: Uint8Array;
  readonly #pieceBytes: number;
  #at = 0;
  cancelled = 0;
  /** Whether somebody asked how it ended. */
  hasEnded = false;

  constructor(bytes: Uint8Array, pieceBytes = 65536) {
    this.#bytes = bytes;
    this.#pieceBytes = pieceBytes;
  }

  read(target: Uint8Array): Promise<number | null> {
    if (this.#at === this.#bytes.length) return Promise.resolve(null);
    const piece = this.#bytes.subarray(this.#at, this.#at + Math.min(target.length, this.#pieceBytes));
    target.set(piece);
    this.#at += piece.length;
    return Promise.resolve(piece.length);
  }

  cancel(): Promise<void> {
    this.cancelled++;
    return Promise.resolve();
  }

  ended(): Promise<void> {
    this.hasEnded = true;
    return Promise.resolve();
  }
}

/** Other settings for a put of one stream. */
export type PutOverrides = Partial<PutRequest> & {
  readonly fileName?: StreamFileName;
  readonly guard?: GuardChoice;
  readonly engine?: BackupEngine;
};

/** The engine of streams in tests. */
export const ENGINE: BackupEngine = { name: "stream", version: "1", options: {} };

/** A put of one stream with the usual settings. */
export function putRequest(source: JudgedSource, overrides: PutOverrides = {}): PutRequest {
  const { fileName = DEFAULT_FILE_NAME, guard = "none", engine = ENGINE, ...others } = overrides;
  return {
    series: parseSeries("prod/shop"),
    input: { engine, streams: [{ path: fileName, source, guard }] },
    allowEmpty: false,
    minSize: 0,
    chunkAverage: undefined,
    compression: "auto",
    tags: [],
    host: IDENTITY.hostname,
    runType: null,
    time: undefined,
    ...others,
  };
}

/** Puts bytes as a backup. */
export function putBytes(
  access: RepositoryAccess,
  world: World,
  bytes: Uint8Array,
  overrides: PutOverrides = {},
  options: Partial<PutOptions> = {},
): Promise<PutResult> {
  const signal = new AbortController().signal;
  return put(access, putRequest(new BytesSource(bytes), overrides), { world, signal, ...options });
}

/** Reads the only file of a backup. */
export function getBytes(access: RepositoryAccess, world: World, selector: string): Promise<Uint8Array> {
  const options = { signal: new AbortController().signal, noLock: false };
  return withBackup(access, { selector, ...options }, { world, ...options }, async ({ files, read }) => {
    const pieces: Uint8Array[] = [];
    await read(chooseFile(files, undefined), {
      write(bytes) {
        pieces.push(new Uint8Array(bytes));
        return Promise.resolve();
      },
    });
    return concat(pieces);
  });
}

/** A backup that was read back. */
export interface ReadBackup {
  readonly backup: Backup;
  readonly manifest: Manifest;
  readonly bytes: Uint8Array;
}

/** Reads every backup of a repository blob by blob, without threads and locks; throws if anything is wrong. */
export async function readAllBackups(store: BlobStore, world: World, password = PASSWORD): Promise<ReadBackup[]> {
  const repository = await openRepository(store, { password, randomBytes: world.randomBytes });
  const { snapshots, damaged } = await loadSnapshots(repository.files);
  if (damaged.length > 0) throw damaged[0]!.error;
  const indexed = { ...repository, index: await loadIndex(repository.files) };
  const backups: ReadBackup[] = [];
  for (const backup of snapshots.map(backupOf)) {
    const manifest = await readManifest(indexed, backup);
    if (manifest === null) throw new TypeError(`Backup ${backup.id} has no manifest`);
    const pieces: Uint8Array[] = [];
    for (const { contents } of await listFiles(indexed, backup, manifest)) {
      for await (const content of contents()) {
        for (let at = 0; at < content.length; at += 32) pieces.push(await readBlob(indexed, "data", content, at));
      }
    }
    backups.push({ backup, manifest, bytes: concat(pieces) });
  }
  return backups;
}

export function concat(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** A whole dump in mysqldump's format, with `rows` rows of some 80 bytes. */
export function sqlDump(rows: number, seed: string): Uint8Array<ArrayBuffer> {
  const head = "-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n--\n";
  return concat([encode(head), sqlRows(rows, seed), encode("-- Dump completed on 2026-01-02  3:04:05\n")]);
}

/** A dump with more rows, inserted after the line that contains byte `at`. */
export function withRows(
  dump: Uint8Array,
  { at, rows, seed }: { at: number; rows: number; seed: string },
): Uint8Array<ArrayBuffer> {
  const lineEnd = dump.indexOf(10, at) + 1;
  return concat([dump.subarray(0, lineEnd), sqlRows(rows, seed), dump.subarray(lineEnd)]);
}

function sqlRows(rows: number, seed: string): Uint8Array<ArrayBuffer> {
  const lines = Array.from({ length: rows }, (_, i) => {
    const digest = hash("md5", `${seed}/${i}`);
    return `INSERT INTO \`orders\` VALUES (${i},'customer ${digest.slice(0, 12)}','2026-01-02 03:04:05',${
      i * 7
    }.50);\n`;
  });
  return encode(lines.join(""));
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
