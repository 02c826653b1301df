/** Files that are missing, damaged, of other programs or versions, or not safe from others. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { AgentError } from "../../src/base/errors.ts";
import { migrate } from "../../src/catalogue/migrations.ts";
import { readCatalogue } from "../../src/catalogue/read_catalogue.ts";
import { SCHEMA_VERSION } from "../../src/catalogue/schema.ts";
import { backup } from "../backup/backups.ts";
import { CataloguePlace, SHOP } from "./opened.ts";

const LIVE = "SELECT count(*) FROM backups WHERE NOT is_deleted";

async function filled(place: CataloguePlace): Promise<void> {
  using catalogue = await place.open();
  await catalogue.changeBackups(SHOP, { added: [{ backup: backup("a") }] });
}

function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

Deno.test("the file and its folder are their owner's alone", async () => {
  await using place = new CataloguePlace();
  using catalogue = await place.open();
  await catalogue.changeBackups(SHOP, { added: [{ backup: backup("a") }] });
  const modes = ["state", ...namesIn(place.folder.at("state")).map((name) => `state/${name}`)].map((name) =>
    [name, (Deno.statSync(place.folder.at(name)).mode! & 0o777).toString(8)] as const
  );
  assert.deepEqual(modes, [
    ["state", "700"],
    ["state/catalogue.sqlite", "600"],
    ["state/catalogue.sqlite-shm", "600"],
    ["state/catalogue.sqlite-wal", "600"],
  ]);
});

Deno.test("a damaged file is set aside, one of them is kept, and an empty one takes its place", async () => {
  await using place = new CataloguePlace();
  for (const content of ["no database", "again not"]) {
    await filled(place);
    await Deno.writeTextFile(place.path, content.padEnd(8192, "x"));
    using catalogue = await place.open();
    assert.deepEqual(await place.rows(LIVE), [[0]]);
    const token = await catalogue.beginListing(SHOP);
    await catalogue.applyListing(token, { backups: [backup("a"), backup("b")] });
    assert.deepEqual(await place.rows(LIVE), [[2]]);
    place.clock.jump(5_000);
  }
  assert.deepEqual(place.problems.map(({ kind }) => kind), ["damaged", "damaged"]);
  assert.match(place.problems[0]!.message, /is kept as ".*\.damaged-20260102T030405Z"; .*"agent catalogue rebuild"/);
  const kept = namesIn(place.folder.at("state")).filter((name) => name.includes("damaged"));
  assert.deepEqual(kept, ["catalogue.sqlite.damaged-20260102T030410Z"]);
  assert.match(await Deno.readTextFile(place.folder.at(`state/${kept[0]}`)), /^again not/);
});

Deno.test("a page that proves damaged while it is open is set aside, too, and what was to be written is written", async () => {
  await using place = new CataloguePlace();
  await filled(place);
  const { size } = await Deno.stat(place.path);
  using catalogue = await place.open();
  {
    using file = await Deno.open(place.path, { write: true });
    await file.seek(4096, Deno.SeekMode.Start);
    await file.write(new Uint8Array(size - 4096).fill(0xee));
  }
  await catalogue.changeBackups(SHOP, { added: [{ backup: backup("b") }] });
  assert.deepEqual(place.problems.map(({ kind }) => kind), ["damaged"]);
  assert.deepEqual(await place.rows("SELECT snapshot_id FROM backups"), [[backup("b").snapshotId]]);
});

Deno.test("a file that is removed while it is open is made again; a listing begun before removes nothing", async () => {
  await using place = new CataloguePlace();
  using catalogue = await place.open();
  for (const name of ["a", "b"]) await catalogue.changeBackups(SHOP, { added: [{ backup: backup(name) }] });
  const token = await catalogue.beginListing(SHOP);
  for (const name of namesIn(place.folder.at("state"))) await Deno.remove(place.folder.at(`state/${name}`));
  await catalogue.changeBackups(SHOP, { added: [{ backup: backup("c") }] });
  await catalogue.applyListing(token, { backups: [backup("a"), backup("b")] });
  assert.deepEqual(await place.rows(LIVE), [[3]]);
});

Deno.test("databases of other programs, files of other names and newer versions are left alone", async () => {
  await using place = new CataloguePlace();
  place.folder.write("notes.txt", "not a database");
  place.folder.write("empty/catalogue.sqlite", "");
  const other = new DatabaseSync(place.folder.at("other.sqlite"));
  other.exec("CREATE TABLE t (a); PRAGMA user_version=7");
  other.close();
  await filled(place);
  const newer = new DatabaseSync(place.path);
  newer.exec(`PRAGMA user_version=${SCHEMA_VERSION + 1}`);
  newer.close();
  for (
    const [path, kind, words] of [
      [place.folder.at("notes.txt"), "foreign", /not a catalogue of agent/],
      [place.folder.at("other.sqlite"), "foreign", /not a catalogue of agent/],
      [place.path, "newer", /newer version of agent/],
    ] as const
  ) {
    const before = await Deno.readFile(path);
    assert.equal(await place.tryOpen(path), null, path);
    assert.equal(place.problems.at(-1)!.kind, kind);
    assert.match(place.problems.at(-1)!.message, words);
    await assert.rejects(readCatalogue(path, Deno.uid()), AgentError);
    assert.deepEqual(await Deno.readFile(path), before, path);
  }
  const empty = place.folder.at("empty/catalogue.sqlite");
  await assert.rejects(readCatalogue(empty, Deno.uid()), /nothing in the catalogue .* yet.*run it again/);
  (await place.tryOpen(empty))![Symbol.dispose]();
  (await readCatalogue(empty, Deno.uid()))[Symbol.dispose]();
});

Deno.test("a file that somebody else could change is refused, with what to do", async () => {
  await using place = new CataloguePlace();
  await filled(place);
  const refusal = async (path = place.path, uid = Deno.uid()) => {
    assert.equal(await place.tryOpen(path, uid), null);
    assert.equal(place.problems.at(-1)!.kind, "refused");
    return place.problems.at(-1)!.message;
  };
  assert.match(await refusal(place.path, Deno.uid()! + 1), /another user/);
  await Deno.chmod(place.path, 0o620);
  assert.match(await refusal(), /others may write to it; run chmod 600/);
  await assert.rejects(readCatalogue(place.path, Deno.uid()), /others may write to it/);
  await Deno.chmod(place.path, 0o600);
  await Deno.symlink(place.path, place.folder.at("state/link.sqlite"));
  assert.match(await refusal(place.folder.at("state/link.sqlite")), /it is a link/);
  await Deno.chmod(place.folder.at("state"), 0o777);
  assert.match(await refusal(), /folder .* others may write to it; run chmod go-w/);
});

Deno.test("a file that others may read is closed to them", async () => {
  await using place = new CataloguePlace();
  await filled(place);
  await Deno.chmod(place.path, 0o644);
  await filled(place);
  assert.equal((await Deno.stat(place.path)).mode! & 0o777, 0o600);
});

Deno.test("where no file can be made, there is no catalogue", async () => {
  await using place = new CataloguePlace();
  place.folder.write("file", "");
  assert.equal(await place.tryOpen(place.folder.at("file/catalogue.sqlite")), null);
  assert.equal(await place.tryOpen("/proc/agent/catalogue.sqlite"), null);
  assert.deepEqual(place.problems.map(({ kind }) => kind), ["unwritable", "unwritable"]);
});

Deno.test("older versions are brought up to date by the steps that they lack", () => {
  const database = new DatabaseSync(":memory:");
  const taken: number[] = [];
  const steps = [0, 1, 2].map((from) => () => void taken.push(from));
  migrate(database, 1, steps);
  assert.deepEqual(taken, [1, 2]);
  assert.equal(database.prepare("PRAGMA user_version").get()!.user_version, 3);
  database.close();
});
