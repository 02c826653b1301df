/** Keys: which passwords open a repository, and what keeps somebody from locking himself out. */
import assert from "node:assert/strict";
import { IntegrityError, NoRepositoryError, UsageError, WrongPasswordError } from "../../src/base/errors.ts";
import { encodeHex } from "../../src/base/hex.ts";
import { asId, type KeyId } from "../../src/base/id.ts";
import { sha256 } from "../../src/crypto/digest.ts";
import { openRepository } from "../../src/repository/repository.ts";
import { unlockMasterKey } from "../../src/repository/key_search.ts";
import { addKey, listKeys, removeKey } from "../../src/repository/key_files.ts";
import { firstOf, withFaults } from "../helpers/fault_store.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { CHEAP_KDF, fakeWorld, memoryRepository, namesOf, noise, PASSWORD } from "../helpers/world.ts";

const world = fakeWorld("keys");
const tools = { ...world, kdf: CHEAP_KDF };

async function putKeyFile(store: BlobStore, text: string): Promise<KeyId> {
  const bytes = new TextEncoder().encode(text);
  const id = asId<KeyId>(encodeHex(sha256(bytes)));
  await store.put({ kind: "key", name: id }, [bytes]);
  return id;
}

/** Puts a key file whose name comes before `id`, whoever's it says it is. */
async function putKeyFileBefore(store: BlobStore, id: KeyId, keyFile: object, who: string): Promise<void> {
  for (let i = 0;; i++) {
    const added = await putKeyFile(store, JSON.stringify({ ...keyFile, username: `${who} ${i}` }));
    if (added < id) return;
    await store.remove({ kind: "key", name: added });
  }
}

const ZEROS = "0".repeat(64);

/** What helps where a key file is gone or damaged. */
const BRING_BACK = /bring .* back from a copy of the store$/;

Deno.test("each of several passwords opens the same master key, others do not", async () => {
  const { store, repository: { keys, keyId } } = await memoryRepository(world);
  const passwords = ["second", "Zweites Paßwort", "third ☃", " leading space"];
  const ids = new Map([[PASSWORD, keyId]]);
  for (const password of passwords) ids.set(password, await addKey(store, keys, password, tools));
  assert.equal(new Set(ids.values()).size, 5);
  for (const [password, id] of ids) assert.deepEqual(await unlockMasterKey(store, password), { keys, keyId: id });
  for (const wrong of ["", "Second", "second ", "leading space", PASSWORD.toUpperCase()]) {
    await assert.rejects(unlockMasterKey(store, wrong), WrongPasswordError);
  }
});

Deno.test("the message for a wrong password holds neither password", async () => {
  const { store } = await memoryRepository(world);
  await assert.rejects(unlockMasterKey(store, "my wrong guess"), ({ message }) => {
    return /its only key file does not open with it; check which/.test(message) && !message.includes("guess") &&
      !message.includes(PASSWORD);
  });
});

Deno.test("without a key file there is nothing to open", async () => {
  const { store, repository: { keyId } } = await memoryRepository(world);
  await store.remove({ kind: "key", name: keyId });
  await assert.rejects(unlockMasterKey(store, PASSWORD), (error) => {
    return error instanceof NoRepositoryError && BRING_BACK.test(error.message);
  });
});

Deno.test("a key file that vanishes after it was listed is passed over", async () => {
  for (const vanishes of ["the other password's", "this password's"]) {
    const { store, repository: { keys, keyId } } = await memoryRepository(world);
    const added = await addKey(store, keys, "second", tools);
    const gone = vanishes === "this password's" ? added : keyId;
    const vanishing = withFaults(store, ({ method, file }) => {
      if (method === "get" && file?.name === gone) void store.remove(file);
      return undefined;
    });
    const opened = unlockMasterKey(vanishing, "second");
    if (gone === added) await assert.rejects(opened, WrongPasswordError);
    else assert.equal((await opened).keyId, added);
  }
});

Deno.test("a damaged key file is told from a wrong password", async () => {
  const { store, repository: { keyId } } = await memoryRepository(world);
  const bytes = await store.get({ kind: "key", name: keyId });
  await store.remove({ kind: "key", name: keyId });
  const text = new TextDecoder().decode(bytes);
  await store.put({ kind: "key", name: keyId }, [new TextEncoder().encode(text.replace("dba", "dbb"))]);
  await assert.rejects(unlockMasterKey(store, PASSWORD), (error) => {
    return error instanceof IntegrityError && BRING_BACK.test(error.message);
  });
});

Deno.test("a key file that asks for another derivation, or for too much, is refused", async () => {
  const { store, repository: { keyId } } = await memoryRepository(world);
  const text = new TextDecoder().decode(await store.get({ kind: "key", name: keyId }));
  await store.remove({ kind: "key", name: keyId });
  for (const forged of [text.replace("scrypt", "argon2id"), text.replace('"N":2', '"N":1073741824'), "{}", "junk"]) {
    const id = await putKeyFile(store, forged);
    await assert.rejects(unlockMasterKey(store, PASSWORD), (error) => {
      return error instanceof IntegrityError &&
        /; (bring the file back from a copy|check the key file)/.test(error.message);
    }, forged);
    await store.remove({ kind: "key", name: id });
  }
});

Deno.test("keys are listed oldest first, whatever zone their times are in", async () => {
  const { store, repository: { keyId } } = await memoryRepository(world);
  const text = new TextDecoder().decode(await store.get({ kind: "key", name: keyId }));
  const created = world.clock.now().toISOString().replace(".000Z", "Z");
  assert.ok(text.includes(created));
  const older = await putKeyFile(store, text.replace(created, "2025-06-01T23:30:00+05:00"));
  const oldest = await putKeyFile(store, text.replace(created, "2025-06-01T18:00:00Z"));
  const { keys: listed } = await listKeys(store);
  assert.deepEqual(listed.map(({ id }) => id), [oldest, older, keyId]);
  assert.deepEqual({ host: listed[2]!.hostname, user: listed[2]!.username }, { host: "db1", user: "dba" });
});

Deno.test("an empty password is refused", async () => {
  const { store, repository: { keys } } = await memoryRepository(world);
  await assert.rejects(addKey(store, keys, "", tools), UsageError);
  assert.equal((await namesOf(store, "key")).length, 1);
});

Deno.test("a key can be removed, but neither the one in use nor one that is not there", async () => {
  const { store, repository: { keys, keyId } } = await memoryRepository(world);
  const added = await addKey(store, keys, "second", tools);
  await assert.rejects(removeKey(store, keyId, keyId), UsageError);
  await assert.rejects(removeKey(store, asId<KeyId>(noise(32, "none").toHex()), keyId), UsageError);
  await removeKey(store, added, keyId);
  await assert.rejects(removeKey(store, added, keyId), UsageError);
  await assert.rejects(unlockMasterKey(store, "second"), WrongPasswordError);
  assert.equal((await unlockMasterKey(store, PASSWORD)).keyId, keyId);
});

Deno.test("files that are no keys are passed over and named, with what removes them", async () => {
  const { store, repository: { keyId, keys } } = await memoryRepository(world);
  const text = new TextDecoder().decode(await store.get({ kind: "key", name: keyId }));
  const junk = [
    await putKeyFile(store, "junk"),
    await putKeyFile(store, "{}"),
    await putKeyFile(store, text.replace('"N":2', '"N":4194304')),
    await putKeyFile(store, text.replace('"p":1', '"p":1000000')),
  ];
  const [wrongName, tooLarge] = [ZEROS, `${ZEROS.slice(1)}1`];
  await store.put({ kind: "key", name: wrongName }, [noise(300, "key")]);
  await store.put({ kind: "key", name: tooLarge }, [new Uint8Array(2 ** 20)]);
  const problems: string[] = [];
  const opened = await unlockMasterKey(store, PASSWORD, { onProblem: ({ message }) => problems.push(message) });
  assert.deepEqual(opened, { keys, keyId });
  assert.match(
    problems.join(),
    /^Passing over key files that cannot be read, 00000000, 00000000.*"agent key remove 0{8}"/,
  );
  assert.match(problems.join(), /append-only server/);
  const { keys: listed, unreadable } = await listKeys(store);
  assert.deepEqual(listed.map(({ id }) => id), [keyId]);
  assert.deepEqual(unreadable.map(({ id }) => id), [...junk, wrongName, tooLarge].sort());
  await assert.rejects(unlockMasterKey(store, "wrong"), (error) => {
    return error instanceof WrongPasswordError &&
      /the only key file that can be read does .*; passing over key files/.test(error.message);
  });
  await store.remove({ kind: "key", name: keyId });
  await assert.rejects(unlockMasterKey(store, PASSWORD), (error) => {
    return error instanceof IntegrityError && /none of the 6 key files in .* can be read/.test(error.message);
  });
});

Deno.test("files that are no keys do not count as tries, however many there are", async () => {
  const { store, repository: { keyId } } = await memoryRepository(world);
  for (let i = 0; i < 100; i++) await putKeyFile(store, `junk ${i}`);
  assert.equal((await unlockMasterKey(store, PASSWORD)).keyId, keyId);
});

Deno.test("a key file that holds another master key under the same password is none of the repository's", async () => {
  const { store, repository: { keyId } } = await memoryRepository(world);
  const { repository: other } = await memoryRepository(fakeWorld("another repository"));
  for (let i = 0; i < 8; i++) await addKey(store, other.keys, PASSWORD, tools);
  const options = { password: PASSWORD, randomBytes: world.randomBytes };
  const problems: string[] = [];
  const opened = await openRepository(store, { ...options, onProblem: ({ message }) => problems.push(message) });
  assert.equal(opened.keyId, keyId);
  const firstOther = (await namesOf(store, "key"))[0] !== keyId;
  if (firstOther) assert.match(problems.join(), /its master key is not this repository's/);
  await store.remove({ kind: "config", name: "config" });
  await store.put({ kind: "config", name: "config" }, [noise(100, "config")]);
  await assert.rejects(openRepository(store, options), { code: "integrity", message: /Cannot open config/ });
});

Deno.test("the key that opened last is tried first, and remembered only where there are several", async () => {
  const { store, repository: { keys, keyId } } = await memoryRepository(world);
  let kept: string | undefined;
  const memory = { recall: () => Promise.resolve(kept), keep: (id: string) => Promise.resolve(void (kept = id)) };
  await unlockMasterKey(store, PASSWORD, { memory });
  assert.equal(kept, undefined);
  for (let i = 0; i < 40; i++) await addKey(store, keys, `password ${i}`, tools);
  await assert.rejects(
    unlockMasterKey(store, "none of them", { memory }),
    /20 key files tried .*; 21 more were not tried/,
  );
  kept = keyId;
  const counting = withFaults(store, firstOf(() => false, { type: "tear" }));
  assert.equal((await unlockMasterKey(counting, PASSWORD, { memory })).keyId, keyId);
  assert.equal(counting.calls.filter(({ method }) => method === "get").length, 1);
  kept = ZEROS;
  const ids = await namesOf(store, "key");
  const early = await addKey(store, keys, "early", tools);
  if ([...ids, early].sort().indexOf(early) < 20) {
    assert.equal((await unlockMasterKey(store, "early", { memory })).keyId, early);
    assert.equal(kept, early);
  }
});

Deno.test("key files that ask for much work or memory are tried last, and keep nobody out", async () => {
  const { store, repository: { keyId } } = await memoryRepository(world);
  const keyFile = JSON.parse(new TextDecoder().decode(await store.get({ kind: "key", name: keyId })));
  const dear = [...Array(5).fill({ N: 2 ** 18, r: 8, p: 8 }), { N: 2 ** 18, r: 8, p: 1 }];
  for (const [i, parameters] of dear.entries()) {
    await putKeyFileBefore(store, keyId, { ...keyFile, ...parameters }, `stranger ${i}`);
  }
  assert.equal((await unlockMasterKey(store, PASSWORD)).keyId, keyId);
});

Deno.test("no more than 20 key files are tried", async () => {
  const { store, repository: { keys } } = await memoryRepository(world);
  for (let i = 0; i < 24; i++) await addKey(store, keys, `password ${i}`, tools);
  await assert.rejects(unlockMasterKey(store, "none of them"), (error) => {
    assert.ok(error instanceof WrongPasswordError);
    assert.match(error.message, /none of the 20 key files tried opens with it; 5 more were not tried/);
    return true;
  });
});
