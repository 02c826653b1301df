/** Forget beside snapshots that cannot be read: what it removes all the same, and what it refuses. */
import assert from "node:assert/strict";
import { IntegrityError } from "../../src/base/errors.ts";
import { forget } from "../../src/ops/forget.ts";
import { openRepository } from "../../src/repository/repository.ts";
import { saveSnapshot } from "../helpers/snapshots.ts";
import type { SnapshotId } from "../../src/base/id.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { backup } from "../backup/backups.ts";
import { namesOf, noise, PASSWORD } from "../helpers/world.ts";
import { day, LAST, named, policy, repositoryWith } from "./forget_fixture.ts";

Deno.test("a damaged snapshot is told of and never removed, also where it is named", async () => {
  const { access, store, world, left } = await repositoryWith({ a: day(1), b: day(2) });
  const junk = noise(32, "junk").toHex();
  await store.put({ kind: "snapshot", name: junk }, [noise(100, "junk")]);
  await assert.rejects(forget(access, LAST, { world, allowLast: true }), (error) => {
    return error instanceof IntegrityError &&
      error.message.startsWith(
        `Nothing was removed: what cannot be read (snapshot ${junk.slice(0, 8)}) may be of these`,
      );
  });
  assert.deepEqual(await left(), ["a", "b"]);
  const { damaged, refusal } = await forget(access, LAST, { world, skipUnreadable: true });
  assert.deepEqual([damaged.map(({ id }) => id as string), refusal], [[junk], null]);
  assert.deepEqual(await left(), ["b"]);
  await assert.rejects(forget(access, named(`@${junk.slice(0, 8)}`), { world }), IntegrityError);
  assert.ok((await namesOf(store, "snapshot")).includes(junk));
});

Deno.test("a snapshot that cannot be read stops a policy unless a backup that continues it is of another series", async () => {
  const { access, store, world, ids, left } = await repositoryWith({ a: day(1), lost: day(1), b: day(2) });
  await replaceWithNoise(store, ids["lost"]!);
  const child = async (series: string) => {
    const { snapshot } = backup(`child of ${series}`, { ...day(3), series });
    const { files } = await openRepository(store, { password: PASSWORD, randomBytes: world.randomBytes });
    await saveSnapshot(files, { ...snapshot, parent: ids["lost"] as SnapshotId });
  };
  const ofShop = policy({ counts: { last: 1 } }, { series: ["prod/shop"] });
  await assert.rejects(forget(access, ofShop, { world }), IntegrityError, "nobody knows what it is of");
  await child("dev");
  assert.equal((await forget(access, ofShop, { world })).groups[0]!.remove.length, 1);
  assert.deepEqual(await left(), ["lost", "b"]);
  for (const dryRun of [true, false]) {
    const everything = forget(access, LAST, { world, dryRun });
    if (dryRun) assert.ok((await everything).refusal instanceof IntegrityError);
    else await assert.rejects(everything, IntegrityError);
  }
});

Deno.test("what may mean a snapshot that cannot be read is refused; an id is not", async () => {
  const { access, store, world, ids, left } = await repositoryWith({
    a: day(1),
    b: day(2),
    c: day(3),
    other: { ...day(1), series: "dev" },
    otherNew: { ...day(2), series: "dev" },
  });
  await replaceWithNoise(store, ids["c"]!);
  for (const selector of ["prod/shop@latest", "prod/shop", "prod/shop@2026-01-02", "dev@latest"]) {
    await assert.rejects(forget(access, named(selector), { world, allowLast: true }), (error) => {
      return error instanceof IntegrityError &&
        /may mean a snapshot that cannot be read.*by its id/.test(error.message);
    });
  }
  assert.deepEqual(await left(), ["a", "b", "c", "other", "otherNew"]);
  const { damaged } = await forget(access, named(`prod/shop@${ids["b"]!.slice(0, 12)}`), { world });
  assert.deepEqual(damaged.map(({ id }) => id as string), [ids["c"]]);
  assert.deepEqual(await left(), ["a", "c", "other", "otherNew"]);
});

async function replaceWithNoise(store: BlobStore, name: string): Promise<void> {
  await store.remove({ kind: "snapshot", name });
  await store.put({ kind: "snapshot", name }, [noise(100, name)]);
}
