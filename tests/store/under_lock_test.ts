/** A store behind a lock: what is asked of the lock, and when. */
import assert from "node:assert/strict";
import { LockedError } from "../../src/base/errors.ts";
import { openMemoryStore } from "../../src/store/memory_store.ts";
import type { BlobStore, FileKind, FileName } from "../../src/store/store.ts";
import { withHeldLock } from "../../src/store/under_lock.ts";
import { withFaults } from "../helpers/fault_store.ts";
import { FILE_KINDS, namesOf } from "../helpers/world.ts";

const CONTENT = [new Uint8Array([1, 2, 3])];

function fileOf(kind: FileKind): FileName {
  return { kind, name: kind === "config" ? "config" : "0".repeat(64) };
}

/** A store under a lock that notes what it is asked, in one order with the calls of the store. */
function noting(lost: { before?: boolean; after?: boolean } = {}) {
  const order: string[] = [];
  const inner = openMemoryStore();
  const lock = {
    confirmHeld: () => {
      order.push("confirm");
      return lost.before ? Promise.reject(new LockedError("lost")) : Promise.resolve();
    },
    assertHeld: () => {
      order.push("assert");
      if (lost.after) throw new LockedError("lost");
    },
  };
  const noted = withFaults(inner, ({ method }) => void order.push(method) as undefined);
  return { order, inner, store: withHeldLock(noted, lock) };
}

Deno.test("the lock is confirmed before every write and every removal, of locks alone it is not", async () => {
  for (const kind of FILE_KINDS) {
    const { order, store } = noting();
    await store.put(fileOf(kind), CONTENT);
    await store.remove(fileOf(kind));
    const written = {
      lock: ["put"],
      config: ["confirm", "put"],
      key: ["confirm", "put"],
      pack: ["confirm", "put"],
      index: ["confirm", "put", "assert"],
      snapshot: ["confirm", "put", "assert"],
    }[kind];
    assert.deepEqual(order, [...written, ...kind === "lock" ? ["remove"] : ["confirm", "remove"]], kind);
  }
});

Deno.test("what reads asks nobody", async () => {
  const { order, store, inner } = noting();
  await inner.put(fileOf("pack"), CONTENT);
  await store.get(fileOf("pack"));
  await store.size(fileOf("pack"));
  await Array.fromAsync(store.list("pack"));
  assert.deepEqual(order, ["get", "size", "list"]);
});

Deno.test("without the lock nothing is changed", async () => {
  for (const kind of FILE_KINDS.filter((kind) => kind !== "lock")) {
    const { order, store, inner } = noting({ before: true });
    await inner.put(fileOf(kind), CONTENT);
    await assert.rejects(store.remove(fileOf(kind)), LockedError);
    await assert.rejects(store.put({ kind, name: "1".repeat(64) }, CONTENT), LockedError);
    assert.deepEqual(order, ["confirm", "confirm"]);
    assert.equal((await namesOf(inner, kind)).length, 1, kind);
  }
});

Deno.test("an index and a snapshot whose lock is lost by then go again, unless they may stay", async () => {
  for (const kind of ["index", "snapshot"] as const) {
    const { store, inner } = noting({ after: true });
    await assert.rejects(store.put(fileOf(kind), CONTENT), LockedError);
    assert.deepEqual(await namesOf(inner, kind), []);
    await assert.rejects(store.put(fileOf(kind), CONTENT, { isVoid: () => Promise.resolve(true) }), LockedError);
    assert.deepEqual(await namesOf(inner, kind), []);
    await assert.rejects(store.put(fileOf(kind), CONTENT, { isVoid: () => Promise.resolve(false) }), LockedError);
    assert.equal((await namesOf(inner, kind)).length, 1);
  }
});

Deno.test("leftovers are removed under the lock; to count them asks nobody", async () => {
  const { order, inner } = noting();
  const lock = { confirmHeld: () => Promise.resolve(void order.push("confirm")), assertHeld: () => {} };
  const removeLeftovers = () => Promise.resolve({ files: 1, bytes: 2 });
  const store = withHeldLock(Object.assign(withFaults(inner, () => undefined), { removeLeftovers }), lock);
  const olderThan = new Date(0);
  assert.deepEqual(await store.removeLeftovers?.({ olderThan, dryRun: true }), { files: 1, bytes: 2 });
  assert.deepEqual(order, []);
  assert.deepEqual(await store.removeLeftovers?.({ olderThan, dryRun: false }), { files: 1, bytes: 2 });
  assert.deepEqual(order, ["confirm"]);
});

Deno.test("what a store cannot do it cannot under a lock, and what it can it does as before", async () => {
  const { inner, store } = noting();
  assert.equal(store.removeLeftovers, undefined);
  assert.equal(store.missingFolders, undefined);
  const folders: BlobStore = Object.assign(withFaults(inner, () => undefined), {
    missingFolders: () => Promise.resolve(["pack" as const]),
  });
  const under = withHeldLock(folders, { confirmHeld: () => Promise.reject(new Error("asked")), assertHeld: () => {} });
  assert.deepEqual(await under.missingFolders?.(), ["pack"]);
});
