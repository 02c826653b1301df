/** Two repositories for one put, and what must hold of each afterwards. */
import assert from "node:assert/strict";
import type { JudgedSource } from "../../src/base/byte_source.ts";
import { AgentError } from "../../src/base/errors.ts";
import { put, type PutOptions, type PutResult } from "../../src/ops/put.ts";
import type { BlobStore } from "../../src/store/store.ts";
import {
  accessTo,
  copyOf,
  fakeWorld,
  IDENTITY,
  memoryRepository,
  namesOf,
  putBytes,
  type PutOverrides,
  putRequest,
  readAllBackups,
  type ReadBackup,
  sqlDump,
} from "../helpers/world.ts";
import { checkStore } from "./check_fixture.ts";

/** The stores of the main repository and of the second one. */
export type Stores = readonly [BlobStore, BlobStore];

/** What the main repository holds before: the second one is empty, so that their levels differ. */
export const FIRST = sqlDump(1000, "first");

const before: Stores = await (async () => {
  const world = fakeWorld();
  const main = await memoryRepository(world);
  await putBytes(main.access, world, FIRST);
  return [main.store, (await memoryRepository(fakeWorld("second repository"))).store];
})();

/** Copies of two repositories: the main one holds one backup, the second one none. */
export async function twoStores(): Promise<Stores> {
  return [await copyOf(before[0]), await copyOf(before[1])];
}

/** A put into both, and what was told to the world. */
export async function putIntoBoth(
  [main, second]: Stores,
  source: JudgedSource,
  overrides: PutOverrides = {},
  options: Partial<PutOptions> = {},
): Promise<{ readonly result?: PutResult; readonly error?: AgentError; readonly told: readonly string[] }> {
  const told: string[] = [];
  const world = {
    ...fakeWorld("both"),
    identity: { ...IDENTITY, pid: 4712 },
    onProblem: ({ message }: AgentError) => void told.push(message),
  };
  world.clock.jump(3_600_000);
  const request = putRequest(source, { also: accessTo(second), ...overrides });
  try {
    const result = await put(accessTo(main), request, { world, packBytes: 20_000, ...options });
    return { result, told };
  } catch (error) {
    assert.ok(error instanceof AgentError && error.code !== "bug", String(error));
    return { error, told };
  }
}

/** Reads all data of what a put left in a store; `check` must accept the rest, too. */
export async function leftIn(store: BlobStore): Promise<readonly ReadBackup[]> {
  const world = fakeWorld("after");
  const { errors } = await checkStore({ store: await copyOf(store), world }, { noLock: true });
  assert.deepEqual(errors, []);
  return await readAllBackups(store, world);
}

/** Asserts that neither repository got anything. */
export async function assertNothingIn(stores: Stores): Promise<void> {
  const counts = await Promise.all(stores.map(async (store) => (await namesOf(store, "snapshot")).length));
  assert.deepEqual(counts, [1, 0]);
  for (const store of stores) assert.deepEqual(await namesOf(store, "lock"), []);
}
