/** Backs up and restores with an engine as use cases do, but keeps everything in memory instead of a repository. */
import assert from "node:assert/strict";
import type { ByteSource } from "../../src/base/byte_source.ts";
import { SourceError } from "../../src/base/errors.ts";
import type {
  EngineEntry,
  EngineSource,
  EngineStream,
  EngineTarget,
  OpenSource,
  OpenTarget,
  RestoredItem,
  SourceParent,
} from "../../src/engine/engine.ts";
import type { JsonObject } from "../../src/format/json/json_text.ts";
import { createGuard } from "../../src/guard/formats.ts";
import { sourceRequest } from "../helpers/source_request.ts";
import { concat } from "../helpers/world.ts";

/** How many items are read side by side. */
const READERS = 2;
const READ_BYTES = 64 * 1024;

/** One level as a repository would keep it. */
export interface StoredLevel {
  readonly level: number;
  readonly items: readonly { readonly item: RestoredItem; readonly bytes: Uint8Array }[];
  readonly metadata: Uint8Array | null;
  readonly position: JsonObject;
  readonly options: JsonObject;
  readonly problems: readonly string[];
}

/** What a test does between the steps of the frame; what it throws ends the work. */
export type Between = () => void | Promise<void>;

/** What a level leaves for the next one. */
export function parentOf({ level, position, options, metadata }: StoredLevel): SourceParent {
  assert.ok(metadata !== null, "a level that is continued has metadata");
  return { level, position, options, readMetadata: (sink) => sink.write(metadata) };
}

/** Makes a backup. Whatever ends it early, the source is cancelled and the error thrown. */
export async function backUp(
  source: EngineSource,
  parent: SourceParent | null,
  between: Between = () => {},
): Promise<StoredLevel> {
  const controller = new AbortController();
  await between();
  const open = await source.open(
    sourceRequest({ parent, signal: controller.signal, onStderr: () => Promise.resolve() }),
  );
  const reading = new Set<Promise<void>>();
  // Also those that have ended: one may fail while the next item is asked for.
  const reads: Promise<void>[] = [];
  try {
    const items: { item: RestoredItem; bytes: Uint8Array }[] = [];
    for await (const item of singleItems(open)) {
      const read = readItem(item, between).then((stored) => void items.push(stored));
      reading.add(read);
      reads.push(read);
      void read.finally(() => reading.delete(read)).catch(() => {});
      if (reading.size >= READERS) await Promise.race(reading);
    }
    await Promise.all(reads);
    return {
      level: parent === null ? 0 : parent.level + 1,
      options: source.options,
      items,
      ...await endOf(open, between),
    };
  } finally {
    controller.abort();
    await open.cancel();
    await Promise.allSettled(reads);
    await open.cancel();
  }
}

/** Restores levels, the lowest first. */
export async function restore(
  target: EngineTarget,
  levels: readonly StoredLevel[],
  { between = () => {}, overwrite = false, repository = null }: {
    between?: Between;
    overwrite?: boolean;
    repository?: string | null;
  } = {},
): Promise<readonly string[]> {
  const signal = new AbortController().signal;
  await between();
  const open = await target.open({ signal, overwrite, repository, onStderr: () => Promise.resolve() });
  try {
    for (const level of levels) await restoreLevel(open, level, { isHighest: level === levels.at(-1), between });
    await between();
    return (await open.finish()).problems;
  } finally {
    await open.cancel();
    await open.cancel();
  }
}

async function restoreLevel(
  open: OpenTarget,
  { level, position, options, items }: StoredLevel,
  { isHighest, between }: { isHighest: boolean; between: Between },
): Promise<void> {
  // The manifests of lower levels may be gone.
  await open.beginLevel(isHighest ? { level, position, options } : { level, position: null, options: null });
  // Streams come in any order. The entries of a tree keep theirs.
  const isTree = items.some(({ item }) => item.kind === "entry");
  for (const { item, bytes } of isTree ? items : items.toReversed()) {
    const sink = await open.take(item);
    assert.ok(sink !== null || bytes.length === 0, `${item.path} has bytes, and nobody takes them`);
    for (let start = 0; start < bytes.length; start += READ_BYTES) {
      await between();
      await sink?.write(inSharedMemory(bytes.subarray(start, start + READ_BYTES)));
    }
    await between();
    await sink?.end();
  }
  await open.endLevel();
}

async function endOf(open: OpenSource, between: Between) {
  await between();
  const { position, metadata, problems } = await open.finish();
  if (metadata === null) return { position, metadata, problems };
  const bytes = await readAll(metadata, between);
  await metadata.cancel();
  return { position, metadata: bytes, problems };
}

/** The items of a source that gives no runs of entries: no engine with levels does. */
export async function* singleItems(open: OpenSource): AsyncGenerator<EngineStream | EngineEntry> {
  for await (const item of open.items()) {
    assert.ok(item.kind !== "entries", "engines with levels give single entries");
    yield item;
  }
}

async function readItem(item: EngineStream | EngineEntry, between: Between) {
  const bytes = item.source === null ? new Uint8Array(0) : await readAll(item.source, between);
  await between();
  await item.source?.ended();
  await item.source?.cancel();
  if (item.kind === "stream" && typeof item.guard === "string") await assertWhole(item.guard, bytes);
  const size = bytes.length;
  const restored: RestoredItem = item.kind === "stream"
    ? { kind: "stream", path: item.path, size }
    : { kind: "entry", path: item.path, size, properties: item.properties };
  return { item: restored, bytes };
}

/** Refuses half a stream, as a put does. */
export async function assertWhole(choice: Parameters<typeof createGuard>[0], bytes: Uint8Array): Promise<void> {
  const guard = createGuard(choice);
  await guard.push(bytes);
  const { complete, reason } = await guard.finish();
  if (complete === false || choice !== "none" && choice !== "auto" && complete !== true) throw new SourceError(reason);
}

/** Reads a source to its end, through memory that threads share. */
export async function readAll(source: ByteSource, between: Between = () => {}): Promise<Uint8Array<ArrayBuffer>> {
  const target = new Uint8Array(new SharedArrayBuffer(READ_BYTES));
  const pieces: Uint8Array[] = [];
  for (;;) {
    await between();
    const count = await source.read(target);
    if (count === null) return concat(pieces);
    assert.ok(count > 0 && count <= target.length, "a read gives some bytes, or null at the end");
    pieces.push(target.slice(0, count));
  }
}

function inSharedMemory(bytes: Uint8Array): Uint8Array {
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return shared;
}
