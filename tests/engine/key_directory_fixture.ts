/** The directory of keys for the suite of all engines, written by the documents alone. */

import assert from "node:assert/strict";
import { EngineRegistry, type EngineSource, type EngineTarget, SourceError } from "../../src/mod.ts";
import type { EngineFixture } from "../conformance/engine_suite.ts";
import { keyDirectoryEngine, type Pass } from "./key_directory_engine.ts";

const SCHEME = "keys:";

/** The size of one of the values that make a stream huge. */
const PIECE_BYTES = 32 * 1024;

/** What is done to the directory for each night: the values of keys, or null for a key that goes. */
const NIGHTS: readonly Readonly<Record<string, Uint8Array<ArrayBuffer> | null>>[] = [
  {
    "user.anna": text("Anna\n"),
    "user.bert": text("Bert\n"),
    "user.empty": text(""),
    "group.staff": text("anna bert\n"),
    "binary.all": Uint8Array.from({ length: 512 }, (_, at) => at % 256),
    plain: text("no prefix"),
    'odd "name".ä\n': text("ä"),
    "metadata.x": text("a prefix that has another meaning elsewhere"),
  },
  { "user.anna": text("Anna B.\n"), "user.carl": text("Carl\n"), "user.bert": null, plain: null },
  { "group.staff": null, "team.staff": text("anna bert\n"), "user.empty": text("no longer") },
  { "user.bert": text("Bert is back\n"), "user.empty": text(""), "binary.all": null },
];

function text(value: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(value);
}

async function apply(directory: string, changes: (typeof NIGHTS)[number]): Promise<void> {
  for (const [key, value] of Object.entries(changes)) {
    await (value === null ? Deno.remove(`${directory}/${key}`) : Deno.writeFile(`${directory}/${key}`, value));
  }
}

/** All values by key. Fails if there is anything but keys. */
async function contentOf(directory: string): Promise<Map<string, Uint8Array>> {
  const names = (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name).sort();
  return new Map(
    await Promise.all(names.map(async (key) => [key, await Deno.readFile(`${directory}/${key}`)] as const)),
  );
}

/** Writes as many values as it takes, with names and content of their own. */
async function swell(directory: string, bytes: number, serial: number): Promise<void> {
  for (let at = 0; at * PIECE_BYTES < bytes; at++) {
    const value = new Uint8Array(PIECE_BYTES).fill(97 + (serial + at) % 26);
    await Deno.writeFile(`${directory}/huge.${serial}-${at}`, value);
  }
}

function registryOf(pass: Pass): EngineRegistry {
  const registry = new EngineRegistry();
  registry.register("keys", keyDirectoryEngine(pass));
  return registry;
}

/** A source, or a target, with which something happens as soon as it is open. */
function afterOpen<Opened, Request>(
  { open }: { open: (request: Request) => Promise<Opened> },
  happen: () => Promise<void>,
): { open: (request: Request) => Promise<Opened> } {
  return {
    async open(request) {
      const opened = await open(request);
      await happen();
      return opened;
    },
  };
}

/** Sources that fail in the middle of a stream, at a value that changed, and at the last value of all. */
async function failingSources(directory: string, source: string): Promise<EngineSource[]> {
  await swell(directory, 100_000, 1000);
  await apply(directory, { "huge.z": text("the last one") });
  let passed = 0;
  const broken = registryOf(() => passed++ > 0 ? Promise.reject(new SourceError("the disk broke")) : Promise.resolve());
  const { driver } = registryOf(() => Promise.resolve()).source(source);
  const changing = (key: string, value: Uint8Array<ArrayBuffer> | null) => ({
    ...driver,
    ...afterOpen(driver, () => apply(directory, { [key]: value })),
  });
  return [
    broken.source(source).driver,
    changing("huge.1000-1", text("changed")),
    changing("huge.z", null),
  ];
}

/** Targets that fail: the disk of the first one breaks, the second one goes away. */
async function failingTargets(target: () => Promise<string>): Promise<EngineTarget[]> {
  const broken = registryOf(() => Promise.reject(new SourceError("the disk broke")));
  const gone = await target();
  const { driver } = registryOf(() => Promise.resolve()).target(gone);
  return [
    broken.target(await target()).driver,
    afterOpen(driver, () => Deno.remove(gone.slice(SCHEME.length), { recursive: true })),
  ];
}

/** A directory without keys in a folder of its own, and what the suite does to it. */
export async function keyDirectoryFixture(): Promise<EngineFixture> {
  const folder = await Deno.makeTempDir();
  const directory = `${folder}/source`;
  await Deno.mkdir(directory);
  let [gate, produced, targets, swollen] = [Promise.resolve(), 0, 0, 0];
  const registry = registryOf((bytes) => (produced += bytes, gate));
  const source = `${SCHEME}${directory}`;
  const target = () => Promise.resolve(`${SCHEME}${folder}/target-${targets++}`);
  return {
    registry,
    source,
    target,
    change: (night) => apply(directory, NIGHTS[night]!),
    swell: (bytes) => swell(directory, bytes, swollen++),
    async keep() {
      const kept = await contentOf(directory);
      return async (url) => assert.deepEqual(await contentOf(url.slice(SCHEME.length)), kept);
    },
    leftovers: () => Promise.resolve([]), // There are no processes, open files and temporary files.
    stall() {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return Promise.resolve(resolve);
    },
    produced: () => Promise.resolve(produced),
    failingSources: () => failingSources(directory, source),
    failingTargets: () => failingTargets(target),
    dispose: () => Deno.remove(folder, { recursive: true }),
  };
}
