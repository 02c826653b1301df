/** In which backups entries are, compared with a walk over each of them. */
import assert from "node:assert/strict";
import { IntegrityError, UsageError } from "../../../src/base/errors.ts";
import { find, type FindRequest, type FindResult } from "../../../src/ops/trees/find.ts";
import type { BlobStore } from "../../../src/store/store.ts";
import { withFaults } from "../../helpers/fault_store.ts";
import { accessTo, fakeWorld } from "../../helpers/world.ts";
import { loadSnapshots } from "../../../src/repository/snapshots.ts";
import { fileOf, placeOf } from "../check_fixture.ts";
import { directory, file, plantNights, threeBackups } from "./view_fixture.ts";

const ALL: FindRequest = { globs: [], ignoreCase: false, blobs: [], trees: [], newest: false, noLock: true };

function findIn(store: BlobStore, request: Partial<FindRequest>): Promise<FindResult> {
  return find(accessTo(store), { ...ALL, series: "planted", ...request }, { world: fakeWorld("find") });
}

/** `path size first-last backups`, by the days of the backups. */
function shown({ versions }: FindResult): string[] {
  const day = (time: string) => Number(time.slice(8, 10));
  return versions.map(({ path, node, first, last, backups }) =>
    `${path} ${node.size} ${day(first.started)}-${day(last.started)} ${backups}`
  );
}

const STILL = directory("still", [directory("deep", [file("my.cnf", "same")])]);

async function fourNights() {
  const checked = await threeBackups();
  const ids = await plantNights(checked, [
    [STILL, directory("etc", [file("my.cnf", "1"), file("other", "1")])],
    [STILL, directory("etc", [file("my.cnf", "1"), file("other", "2")])],
    [STILL, directory("etc", [file("my.cnf", "22"), file("other", "2")])],
    [STILL, directory("etc", [file("my.cnf", "1"), file("MY.CNF", "333")])],
  ]);
  return { ...checked, ids };
}

Deno.test("each version is listed once, with the first and the last backup that has it", async () => {
  const { store } = await fourNights();
  assert.deepEqual(shown(await findIn(store, { globs: ["my.cnf"] })), [
    "/etc/my.cnf 1 1-4 3",
    "/etc/my.cnf 2 3-3 1",
    "/still/deep/my.cnf 4 1-4 4",
  ]);
  assert.deepEqual(shown(await findIn(store, { globs: ["my.cnf"], ignoreCase: true, newest: true })), [
    "/etc/MY.CNF 3 4-4 1",
    "/etc/my.cnf 1 4-4 1",
    "/still/deep/my.cnf 4 4-4 1",
  ]);
  assert.deepEqual(shown(await findIn(store, { globs: ["/etc/*"] })), [
    "/etc/MY.CNF 3 4-4 1",
    "/etc/my.cnf 1 1-4 3",
    "/etc/my.cnf 2 3-3 1",
    "/etc/other 1 1-1 1",
    "/etc/other 1 2-3 2",
  ]);
  const since = new Date("2026-02-02");
  const until = new Date("2026-02-03");
  assert.deepEqual(shown(await findIn(store, { globs: ["etc/my*"], since, until })), [
    "/etc/my.cnf 1 2-2 1",
    "/etc/my.cnf 2 3-3 1",
  ]);
});

Deno.test("hosts are kept apart, and a tree that was seen in one is found in the other", async () => {
  const checked = await fourNights();
  await plantNights(checked, [[STILL]], { hostname: "web" });
  const { versions, searched } = await findIn(checked.store, { globs: ["/still/deep/my.cnf"] });
  assert.equal(searched, 5);
  assert.deepEqual(versions.map(({ first, backups }) => `${first.host} ${backups}`).sort(), ["db1 4", "web 1"]);
  assert.equal((await findIn(checked.store, { globs: ["my.cnf"], host: "web" })).versions.length, 1);
});

Deno.test("streams are found by their names, chunks by their ids, and a name that nobody has is told", async () => {
  const { store } = await fourNights();
  const streams = await findIn(store, { series: "prod", globs: ["data"] });
  assert.deepEqual(streams.versions.map(({ path, node }) => [path, node.size]), [["/data", 60_000], [
    "/data",
    120_000,
  ]]);
  const { versions: [version] } = await findIn(store, { globs: ["other"], newest: false });
  assert.equal(version!.node.content, null);
  const none = await findIn(store, { series: "plantde", globs: ["x"] });
  assert.match(none.unknown!, /did you mean "planted"/);
  await assert.rejects(findIn(store, {}), UsageError);
});

Deno.test("a tree that was seen at its path is not read again", async () => {
  const checked = await threeBackups();
  const still = Array.from({ length: 40 }, (_, i) => directory(`d${i}`, [file("x", `${i}`)]));
  const nights = Array.from({ length: 12 }, (_, i) => [directory("many", [...still, file("a", `${i}`)])]);
  await plantNights(checked, nights);
  for (const globs of [["nothing"], ["/many/nothing"], ["d1?"]]) {
    let reads = 0;
    const watched = withFaults(checked.store, ({ method, file }) => {
      if (method === "get" && file?.kind === "pack") reads++;
      return undefined;
    });
    const { versions } = await findIn(watched, { globs });
    assert.equal(versions.length, globs[0] === "d1?" ? 10 : 0);
    assert.ok(reads <= 40 + 24, `${globs}: ${reads} reads for 40 trees, and two more of each of 12 backups`);
  }
});

Deno.test("a tree in which nothing is found at one path is searched at another", async () => {
  const checked = await threeBackups();
  const inside = [file("x", "1")];
  await plantNights(checked, [[directory("a", inside), directory("b", inside)]]);
  assert.deepEqual(shown(await findIn(checked.store, { globs: ["/b/x"] })), ["/b/x 1 1-1 1"]);
});

Deno.test("what cannot be read is told, and the rest is found", async () => {
  const checked = await fourNights();
  const { store, repository, ids } = checked;
  const { snapshots } = await loadSnapshots(repository.files);
  const { snapshot: { tree } } = snapshots.find(({ id }) => id === ids[2])!;
  await store.remove(fileOf((await placeOf(checked, "tree", tree)).pack));
  const problems: unknown[] = [];
  const world = { ...fakeWorld("find"), onProblem: (problem: unknown) => void problems.push(problem) };
  const { versions, unreadable } = await find(accessTo(store), { ...ALL, series: "planted", globs: ["my.cnf"] }, {
    world,
  });
  assert.deepEqual(unreadable.map(({ backup }) => backup.id), [ids[2]]);
  assert.equal(problems.length, unreadable.length);
  assert.ok(unreadable.every(({ error }) => error instanceof IntegrityError));
  assert.ok(versions.length > 0);
});
