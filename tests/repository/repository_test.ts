/** Making and opening repositories. */
import assert from "node:assert/strict";
import {
  ExistsError,
  IntegrityError,
  NoRepositoryError,
  StoreFullError,
  TemporaryError,
  WrongPasswordError,
} from "../../src/base/errors.ts";
import { initRepository, openRepository } from "../../src/repository/repository.ts";
import { withFaults } from "../helpers/fault_store.ts";
import { openMemoryStore } from "../../src/store/memory_store.ts";
import { CHEAP_KDF, fakeWorld, memoryRepository, namesOf, noise, PASSWORD } from "../helpers/world.ts";

const world = fakeWorld("repository");
const tools = { ...world, kdf: CHEAP_KDF };
const opening = { password: PASSWORD, randomBytes: world.randomBytes };

Deno.test("what was made can be opened, with the same keys and config", async () => {
  const { store, repository } = await memoryRepository(world);
  const opened = await openRepository(store, opening);
  assert.deepEqual(opened.config, repository.config);
  assert.deepEqual(opened.keys, repository.keys);
  assert.equal(opened.keyId, repository.keyId);
  assert.equal(opened.config.version, 2);
  const sealed = repository.sealer.seal(noise(100, "plaintext"));
  assert.deepEqual(opened.sealer.open(sealed, "it"), noise(100, "plaintext"));
});

Deno.test("two repositories have nothing in common", async () => {
  const [one, two] = [await memoryRepository(world), await memoryRepository(world)];
  assert.notDeepEqual(one.repository.keys, two.repository.keys);
  assert.notEqual(one.repository.config.id, two.repository.config.id);
  assert.notEqual(one.repository.config.chunkerPolynomial, two.repository.config.chunkerPolynomial);
});

Deno.test("an empty store holds no repository, and neither do keys without a config", async () => {
  await assert.rejects(openRepository(openMemoryStore(), opening), NoRepositoryError);
  const { store } = await memoryRepository(world);
  await store.remove({ kind: "config", name: "config" });
  await assert.rejects(openRepository(store, opening), NoRepositoryError);
  await assert.rejects(initRepository(store, PASSWORD, tools), ExistsError);
});

Deno.test("a repository is never made over another one", async () => {
  const { store } = await memoryRepository(world);
  const before = await store.get({ kind: "config", name: "config" });
  await assert.rejects(initRepository(store, "other", tools), ExistsError);
  assert.deepEqual(await store.get({ kind: "config", name: "config" }), before);
  assert.equal((await namesOf(store, "key")).length, 1);
});

Deno.test("the config comes last: where anything fails before it there is no repository", async () => {
  const full = { type: "fail", error: new StoreFullError("full") } as const;
  for (const kind of ["key", "config"]) {
    const store = openMemoryStore();
    const failing = withFaults(store, (call) => call.method === "put" && call.kind === kind ? full : undefined);
    await assert.rejects(initRepository(failing, PASSWORD, tools), StoreFullError);
    await assert.rejects(openRepository(store, opening), NoRepositoryError);
    assert.deepEqual(await namesOf(store, "key"), [], "a key that opens nothing stands in the way of the next init");
    await initRepository(store, PASSWORD, tools);
  }
});

Deno.test("where the config may be stored all the same, its key stays", async () => {
  const store = openMemoryStore();
  const lossy = withFaults(store, (call) => {
    return call.method === "put" && call.kind === "config" ? { type: "lose-answer" } : undefined;
  });
  await assert.rejects(initRepository(lossy, PASSWORD, tools), TemporaryError);
  await openRepository(store, opening);
});

Deno.test("a wrong password, a damaged config and another repository's config are told apart", async () => {
  const { store } = await memoryRepository(world);
  const config = { kind: "config", name: "config" } as const;
  await assert.rejects(openRepository(store, { ...opening, password: "wrong" }), WrongPasswordError);
  const bytes = await store.get(config);
  const other = await (await memoryRepository(world)).store.get(config);
  const flipped = bytes.slice();
  flipped[bytes.length - 1]! ^= 1;
  for (const damaged of [flipped, bytes.subarray(0, 31), new Uint8Array(0), other]) {
    await store.remove(config);
    await store.put(config, [damaged]);
    await assert.rejects(openRepository(store, opening), IntegrityError);
  }
});

Deno.test("a random source that gives only zeros makes no repository", async () => {
  const zeros = { ...tools, randomBytes: (count: number) => new Uint8Array(count) };
  await assert.rejects(initRepository(openMemoryStore(), PASSWORD, zeros), IntegrityError);
});
