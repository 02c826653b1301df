/** How every use case begins: all backups, and an answer to what is damaged or gone. */
import assert from "node:assert/strict";
import { IntegrityError, NotFoundError, StoreError } from "../../src/base/errors.ts";
import { loadBackups, type LoadBackupsOptions } from "../../src/backup/load_backups.ts";
import { loadIndex } from "../../src/repository/index/index_files.ts";
import { SealedFileWriter } from "../../src/repository/sealed_files.ts";
import { loadSnapshots } from "../../src/repository/snapshots.ts";
import { saveSnapshot } from "../helpers/snapshots.ts";
import { ForwardingStore } from "../../src/store/forwarding.ts";
import type { FileName } from "../../src/store/store.ts";
import { fakeWorld, memoryRepository, noise, putBytes } from "../helpers/world.ts";

const UNREAD: LoadBackupsOptions = { rewritten: "unread", damaged: "reported", vanished: "forgotten" };

/** A repository with two backups, of which restic rewrote the first. */
async function scene() {
  const world = fakeWorld("load backups");
  const { repository, store, access } = await memoryRepository(world);
  for (const seed of ["first", "second"]) {
    await putBytes(access, world, noise(10_000, seed));
    await world.clock.advance(60_000);
  }
  const [first] = (await loadSnapshots(repository.files)).snapshots;
  await saveSnapshot(repository.files, { ...first!.snapshot, agent: null, original: first!.id });
  await repository.files.remove("snapshot", first!.id);
  return { repository, store, files: repository.files };
}

Deno.test("manifests of rewritten snapshots are read where that is asked for, and only of those that are meant", async () => {
  const { repository, files } = await scene();
  let opened = 0;
  const rewritten = async () => {
    opened++;
    return { ...repository, index: await loadIndex(files) };
  };
  const known = ({ backups }: Awaited<ReturnType<typeof loadBackups>>) => backups.map(({ info }) => info !== null);
  assert.deepEqual(known(await loadBackups(files, UNREAD)), [false, true]);
  const whole = await loadBackups(files, { ...UNREAD, rewritten });
  assert.deepEqual([known(whole), whole.all.map(({ info }) => info !== null), opened], [
    [true, true],
    [false, true],
    1,
  ]);
  const newest = await loadBackups(files, { ...UNREAD, rewritten, among: (all) => all.slice(1) });
  assert.deepEqual([newest.backups.length, newest.all.length, opened], [1, 2, 1]);
});

Deno.test("a snapshot that cannot be read is told of, or refused with what to do about it", async () => {
  const { store, files } = await scene();
  const name = "ab".repeat(32);
  await store.put({ kind: "snapshot", name }, [noise(200, "junk")]);
  const { backups, damaged } = await loadBackups(files, UNREAD);
  assert.deepEqual([backups.length, damaged.map(({ id }) => id)], [2, [name]]);
  await assert.rejects(loadBackups(files, { ...UNREAD, damaged: "refused" }), (error) => {
    return error instanceof IntegrityError && /"agent repair snapshots --forget"/.test(error.message);
  });
});

Deno.test("a snapshot that vanishes is forgotten by somebody, or refused where nobody may do that", async () => {
  const { repository, store } = await scene();
  const [gone] = await Array.fromAsync(store.list("snapshot"));
  for (const vanished of ["forgotten", "refused"] as const) {
    let lists = 0;
    const vanishing = new (class extends ForwardingStore {
      override async get(...[file, ...rest]: Parameters<ForwardingStore["get"]>) {
        if (isGone(file)) throw new NotFoundError("gone");
        return await super.get(file, ...rest);
      }
      override async *list(...args: Parameters<ForwardingStore["list"]>) {
        const isLater = lists++ > 0;
        for await (const row of super.list(...args)) if (!isLater || row.name !== gone!.name) yield row;
      }
    })(store);
    const files = new SealedFileWriter(vanishing, repository.sealer, 2);
    const loading = loadBackups(files, { ...UNREAD, vanished });
    if (vanished === "forgotten") assert.equal((await loading).backups.length, 1);
    else {await assert.rejects(loading, (error) =>
        error instanceof StoreError && /nothing was removed/.test(error.message));}
  }
  function isGone({ name }: FileName): boolean {
    return name === gone!.name;
  }
});
