/** Files that an append-only client may add without being able to take any away: what goes on beside them, and what does not. */
import assert from "node:assert/strict";
import { IntegrityError, LockedError } from "../../src/base/errors.ts";
import { sha256Hex } from "../../src/crypto/digest.ts";
import { parseSeries } from "../../src/format/manifest/series.ts";
import { drawChains } from "../../src/ops/chain.ts";
import { forget } from "../../src/ops/forget.ts";
import { keyList, keyRemove } from "../../src/ops/keys.ts";
import { listBackups } from "../../src/ops/list.ts";
import { prune } from "../../src/ops/prune.ts";
import { repairIndex } from "../../src/ops/repair/repair_index.ts";
import { unlock } from "../../src/ops/unlock.ts";
import type { World } from "../../src/ops/access.ts";
import { DEFAULT_PRUNE_LIMITS } from "../../src/maintain/prune/prune_plan.ts";
import { openRepository } from "../../src/repository/repository.ts";
import { loadSnapshots } from "../../src/repository/snapshots.ts";
import { saveSnapshot } from "../helpers/snapshots.ts";
import type { BlobStore, FileKind } from "../../src/store/store.ts";
import { accessTo, getBytes, namesOf, noise, PASSWORD, putBytes } from "../helpers/world.ts";
import { LAST } from "./forget_fixture.ts";
import { checkStore, threeBackups } from "./check_fixture.ts";

const signal = new AbortController().signal;

/** The repository of three backups with junk in it, and what its use tells. */
async function withJunk(...kinds: FileKind[]) {
  const { store, world } = await threeBackups();
  const junk: string[] = [];
  for (const kind of kinds) junk.push(await putJunk(store, kind));
  const told: string[] = [];
  const telling: World = { ...world, onProblem: ({ message }) => void told.push(message) };
  return { store, world: telling, access: accessTo(store), told, junk: junk[0]!, quiet: world };
}

async function putJunk(store: BlobStore, kind: FileKind): Promise<string> {
  const bytes = noise(500, `junk ${kind}`);
  const name = sha256Hex(bytes);
  await store.put({ kind, name }, [bytes]);
  return name;
}

Deno.test("beside a junk index backups are listed, drawn, read and made, and the junk is named with what removes it", async () => {
  const { store, access, world, told, junk } = await withJunk("index");
  const passing = new RegExp(
    `^Passing over an index file that cannot be read, ${junk.slice(0, 8)}: .*"agent repair index"`,
  );
  assert.equal((await listBackups(access, {}, { world })).backups.length, 3);
  assert.deepEqual(await getBytes(access, world, "blog"), noise(50_000, "blog"));
  assert.match(told.splice(0).join("\n"), passing);
  const { members } = await drawChains(access, { selector: "prod/shop", all: true }, { world });
  assert.deepEqual(members.map(({ state }) => state), ["ok", "ok"]);
  assert.match(told.splice(0).join("\n"), passing);
  const packs = (await namesOf(store, "pack")).length;
  const { backup } = await putBytes(access, world, noise(60_000, "shop"));
  assert.match(told.splice(0).join("\n"), passing);
  assert.equal(backup.info?.level, 2);
  assert.equal((await namesOf(store, "pack")).length, packs + 2, "a manifest and trees are new, no chunk is");
});

Deno.test("check names the junk; prune refuses; repair index removes it, and all is well", async () => {
  const { store, access, world, junk, quiet } = await withJunk("index");
  const { errors } = await checkStore({ store, world: quiet });
  assert.deepEqual(errors.map(({ kind, id, repair }) => ({ kind, id, repair })), [{
    kind: "index",
    id: junk,
    repair: "index",
  }]);
  const names = await Promise.all((["index", "pack", "snapshot"] as const).map((kind) => namesOf(store, kind)));
  await assert.rejects(
    prune(access, { dryRun: false, limits: DEFAULT_PRUNE_LIMITS }, { world, signal }),
    IntegrityError,
  );
  assert.deepEqual(
    await Promise.all((["index", "pack", "snapshot"] as const).map((kind) => namesOf(store, kind))),
    names,
  );
  const { damagedFiles } = await repairIndex(access, { readAllPacks: false, dryRun: false }, { world, signal });
  assert.deepEqual(damagedFiles, [junk]);
  assert.deepEqual((await checkStore({ store, world: quiet })).errors, []);
});

Deno.test("an index that another backup needs is missed by that backup alone, which says so", async () => {
  const { store, access, world, told } = await withJunk();
  const before = new Set(await namesOf(store, "index"));
  await putBytes(access, world, noise(40_000, "late"), { series: parseSeries("late") });
  const [late] = (await namesOf(store, "index")).filter((name) => !before.has(name));
  await store.remove({ kind: "index", name: late! });
  await store.put({ kind: "index", name: late! }, [noise(100, "bit rot")]);
  assert.deepEqual(await getBytes(access, world, "blog"), noise(50_000, "blog"));
  await assert.rejects(
    getBytes(access, world, "late"),
    (error) => error instanceof IntegrityError && /no index lists/.test(error.message),
  );
  assert.ok(told.every((message) => message.includes(late!.slice(0, 8))));
});

Deno.test("a junk key is passed over, found by check, listed as what it is, and can be removed", async () => {
  const { store, access, world, junk, told, quiet } = await withJunk("key");
  assert.equal((await keyList(access, { world })).length, 1);
  assert.match(told.join("\n"), new RegExp(`Key ${junk} cannot be read: .*"agent key remove ${junk.slice(0, 8)}"`));
  const { errors } = await checkStore({ store, world: quiet });
  assert.deepEqual(errors.map(({ kind, id }) => ({ kind, id })), [{ kind: "key", id: junk }]);
  assert.match(errors[0]!.advice, /"agent key remove/);
  assert.equal(await keyRemove(access, { prefix: junk.slice(0, 8) }, { world }), junk);
  assert.deepEqual((await checkStore({ store, world: quiet })).errors, []);
});

Deno.test("more keys than are tried are worth a note", async () => {
  const { store, world } = await threeBackups();
  const [good] = await namesOf(store, "key");
  const text = new TextDecoder().decode(await store.get({ kind: "key", name: good! }));
  for (let i = 0; i < 20; i++) {
    const bytes = new TextEncoder().encode(text + " ".repeat(i + 1));
    await store.put({ kind: "key", name: sha256Hex(bytes) }, [bytes]);
  }
  const { errors, notes } = await checkStore({ store, world });
  assert.deepEqual([errors, notes.map(({ kind }) => kind)], [[], ["key"]]);
  assert.match(notes[0]!.text, /21 key files; opening the repository tries at most 20/);
});

Deno.test("an unreadable snapshot or lock is named with the way out, which works", async () => {
  const { store, access, world, junk, quiet } = await withJunk("snapshot");
  await assert.rejects(getBytes(access, world, "blog"), new RegExp(`${junk}.*"agent repair snapshots --forget"`));
  await assert.rejects(
    prune(access, { dryRun: true, limits: DEFAULT_PRUNE_LIMITS }, { world, signal }),
    /"agent repair snapshots --forget"/,
  );
  const lock = await putJunk(store, "lock");
  await assert.rejects(putBytes(access, world, noise(10, "x")), (error) => {
    return !(error instanceof LockedError) &&
      new RegExp(`lock ${lock}.*"agent unlock --remove-all"`).test((error as Error).message);
  });
  assert.deepEqual((await unlock(access, { all: true }, { world: quiet })).map(({ id }) => id), [lock]);
});

Deno.test("forget decides nothing by an index it cannot read where restic rewrote a backup", async () => {
  const { store, access, world } = await withJunk("index");
  const { files } = await openRepository(store, { password: PASSWORD, randomBytes: world.randomBytes });
  const { id, snapshot } = (await loadSnapshots(files)).snapshots.at(-1)!;
  await saveSnapshot(files, { ...snapshot, agent: null, original: id });
  const before = await namesOf(store, "snapshot");
  await assert.rejects(forget(access, LAST, { world, signal }), IntegrityError);
  assert.deepEqual(await namesOf(store, "snapshot"), before);
});
