/**
 * Proves that the library's public face suffices for an engine, as `docs/engines.md` tells: `keys:` has levels,
 * several streams, metadata and a position, and passes the suite of all engines; `shelf:` gives a tree. Both go
 * through `put` and `replay`.
 */
import assert from "node:assert/strict";
import {
  byteStringOf,
  EngineRegistry,
  type EntryProperties,
  entryProperties,
  formatTimestamp,
  GoFileMode,
  init,
  openMemoryStore,
  parseSeries,
  put,
  type RepositoryAccess,
  type RestoredItem,
  sourceOfStream,
  systemClock,
  systemRandomBytes,
  withBackup,
  type World,
} from "../../src/mod.ts";
import { engineConformance } from "../conformance/engine_suite.ts";
import { keyDirectoryFixture } from "./key_directory_fixture.ts";

engineConformance("keys", { register: (name, fn) => Deno.test(name, fn), create: keyDirectoryFixture });

/** The shelves by their places, each with its entries by path. */
type Shelves = Map<string, Map<string, { readonly properties: EntryProperties; readonly text: string }>>;

/** An engine without levels that gives and takes a tree. */
function registerShelf(registry: EngineRegistry, shelves: Shelves): void {
  registry.register("shelf", {
    version: "1",
    replays: false,
    hasEntries: true,
    parameters: [],
    source: ({ place }) => ({
      options: { shelf: place },
      open: () =>
        Promise.resolve({
          async *items() {
            for (const [path, { properties, text }] of shelves.get(place)!) {
              const source = properties.type === "file" ? sourceOfStream(new Blob([text]).stream()) : null;
              yield { kind: "entry", path, properties, source };
            }
          },
          finish: () =>
            Promise.resolve({ position: { entries: shelves.get(place)!.size }, metadata: null, problems: [] }),
          cancel: () => Promise.resolve(),
        }),
    }),
    target: ({ place }) => ({
      open() {
        const taken: ReturnType<Shelves["get"]> = new Map();
        return Promise.resolve({
          beginLevel: () => Promise.resolve(),
          take(item) {
            assert.equal(item.kind, "entry");
            const { path, properties } = item as RestoredItem & { kind: "entry" };
            let text = "";
            taken!.set(path, { properties, text });
            if (properties.type !== "file") return Promise.resolve(null);
            return Promise.resolve({
              write: (bytes) => Promise.resolve(void (text += new TextDecoder().decode(Uint8Array.from(bytes)))),
              end: () => Promise.resolve(void taken!.set(path, { properties, text })),
            });
          },
          endLevel: () => Promise.resolve(),
          finish: () => Promise.resolve((shelves.set(place, taken!), { problems: [] })),
          cancel: () => Promise.resolve(),
        });
      },
    }),
  });
}

/** A repository in memory, and what its backups and restores need besides. */
async function openRepository() {
  const world: World = {
    clock: systemClock,
    identity: { hostname: "db1", username: "dba", pid: Deno.pid, uid: 1000, gid: 1000 },
    processExists: () => true,
    randomBytes: systemRandomBytes,
    blobThreads: 1,
    programVersion: "example 1",
  };
  const store = openMemoryStore("memory");
  const access: RepositoryAccess = {
    openStore: () => Promise.resolve(store),
    password: () => Promise.resolve("correct horse battery staple"),
    retryLockMs: 0,
  };
  await init(store, { password: "correct horse battery staple", isRandom: false }, { world });
  const { signal } = new AbortController();
  return {
    backUp: (registry: EngineRegistry, url: string) =>
      put(access, {
        series: parseSeries("prod/books"),
        input: { driven: registry.source(url) },
        jobs: 2,
        allowEmpty: false,
        minSize: 0,
        compression: "auto",
        tags: [],
        host: "db1",
        runType: null,
      }, { world, signal }),
    restore: (registry: EngineRegistry, url: string) =>
      withBackup(access, { selector: "prod/books@latest", noLock: false }, { world, signal }, (open) => {
        return open.replay(registry.target(url), { overwrite: false });
      }),
  };
}

Deno.test("levels of a third engine are put and replayed by the library", async () => {
  const { backUp, restore } = await openRepository();
  const fixture = await keyDirectoryFixture();
  try {
    for (let night = 0; night < 3; night++) {
      await fixture.change(night);
      const { manifest, decision } = await backUp(fixture.registry, fixture.source);
      assert.deepEqual([manifest.level, decision.warnings], [night, []]);
    }
    const assertSame = await fixture.keep();
    const target = await fixture.target();
    const { level, problems } = await restore(fixture.registry, target);
    assert.deepEqual([level, problems], [2, []]);
    await assertSame(target);
  } finally {
    await fixture.dispose();
  }
});

Deno.test("a tree of a third engine is put and restored by the library", async () => {
  const { backUp, restore } = await openRepository();
  const mtime = formatTimestamp(new Date("2026-11-29T03:00:00Z"));
  const entry = (fields: Partial<EntryProperties> & Pick<EntryProperties, "type">, text = "") => {
    return { properties: entryProperties({ mtime, ...fields }), text };
  };
  const bytes = byteStringOf(Uint8Array.of(0xff, 0x2e, 0x74, 0x78, 0x74));
  const shelf = new Map([
    ["novels", entry({ type: "dir", mode: GoFileMode.dir + 0o750 })],
    [`novels/${bytes}`, entry({ type: "file", mode: 0o640, uid: 7 }, "It was a dark and stormy night")],
    ["best", entry({ type: "symlink", mode: GoFileMode.symlink + 0o777, linkTarget: `novels/${bytes}` })],
    ["metadata", entry({ type: "file", mode: 0o600 }, "a file may have this name")],
  ]);
  const shelves: Shelves = new Map([["main", shelf]]);
  const registry = new EngineRegistry();
  registerShelf(registry, shelves);
  const { manifest } = await backUp(registry, "shelf:main");
  assert.deepEqual([manifest.level, manifest.engine.name, manifest.source], [0, "shelf", { entries: 4 }]);
  await restore(registry, "shelf:other");
  const byPath = (a: [string, unknown], b: [string, unknown]) => a[0] < b[0] ? -1 : 1;
  assert.deepEqual([...shelves.get("other")!].toSorted(byPath), [...shelf].toSorted(byPath));
});
