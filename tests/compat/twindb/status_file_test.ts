/** The status of TwinDB Backup: what can be done with its copies, every form of the file, and what is no such file. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import fc from "fast-check";
import { CorruptedStatus, StatusError, StatusKeyNotFound, UsageError } from "../../../src/base/errors.ts";
import { RUN_TYPES, type RunType } from "../../../src/base/run_type.ts";
import {
  parseAnyTwinDbStatus,
  type StatusDestination,
  TwinDbBinlogStatus,
  TwinDbStatus,
} from "../../../src/compat/twindb/status_file.ts";
import {
  SERVER_VENDORS,
  TWINDB_BACKUP_TYPES,
  twinDbBinlogCopy,
  type TwinDbCopy,
  twinDbCopy,
  type TwinDbCopyFields,
} from "../../../src/compat/twindb/copy.ts";
import { text } from "../../format/arbitraries.ts";

const HOST = "master1";
const EMPTY = { hourly: {}, daily: {}, weekly: {}, monthly: {}, yearly: {} };

function copy(runType: RunType, name: string, given: Partial<TwinDbCopyFields> = {}): TwinDbCopy {
  return twinDbCopy({ host: HOST, runType, name, type: "full", ...given });
}

function base64(content: unknown): string {
  return new TextEncoder().encode(typeof content === "string" ? content : JSON.stringify(content)).toBase64();
}

/** A file of version 1 with this content and a digest that fits. */
function envelope(content: unknown, changes: Record<string, unknown> = {}): string {
  const status = base64(content);
  return JSON.stringify({ md5: hash("md5", status), status, version: 1, ...changes });
}

function keys(status: Iterable<{ readonly key: string }>): string[] {
  return [...status].map(({ key }) => key);
}

Deno.test("copies lie in the order of their times, and are found by position and by key", () => {
  const status = new TwinDbStatus(HOST);
  assert.deepEqual([status.length, status.latest, status.version, status.path], [0, null, 1, "master1/status"]);
  const second = copy("hourly", "b", { backupStarted: 20 });
  const first = copy("daily", "a", { backupStarted: 10 });
  status.add(second);
  status.add(first);
  assert.deepEqual(keys(status), ["master1/daily/mysql/a", "master1/hourly/mysql/b"]);
  assert.equal(status.latest, second);
  assert.deepEqual([status.get(0), status.get(-1), status.get(first.key)], [first, second, first]);
  assert.deepEqual(status.ofRunType("hourly"), [second]);
  for (const nowhere of [2, -3, "master1/daily/mysql/b", "a", ""]) {
    assert.throws(() => status.get(nowhere), StatusKeyNotFound, String(nowhere));
  }
  assert.throws(() => status.add(copy("hourly", "b")), UsageError, "its key is there");
  assert.equal(status.length, 2);
});

Deno.test("a copy is removed by its key, or by a path that ends with it", () => {
  const status = new TwinDbStatus(HOST, ["a", "b", "c"].map((name) => copy("daily", name)));
  status.remove("master1/daily/mysql/b");
  status.remove("/backups/master1/daily/mysql/a");
  assert.deepEqual(keys(status), ["master1/daily/mysql/c"]);
  for (const key of ["master1/daily/mysql/a", "mysql/c", "c", ""]) {
    assert.throws(() => status.remove(key), StatusKeyNotFound, key);
  }
});

Deno.test("parts of a key are names without slashes", () => {
  assert.equal(copy("yearly", "x", { sourceType: "files" }).key, "master1/yearly/files/x");
  for (const given of [{ host: "a/b" }, { name: "" }, { name: "a/b" }, { sourceType: "" }]) {
    assert.throws(() => copy("daily", "x", given), UsageError);
  }
  assert.throws(() => twinDbBinlogCopy({ host: "", name: "x", createdAt: 1 }), UsageError);
});

Deno.test("the parent is the newest full copy of the run type, then of each longer one, by LSN", () => {
  const status = new TwinDbStatus(HOST, [
    copy("hourly", "h", { lsn: 900, backupStarted: 9 }),
    copy("weekly", "young", { lsn: 200, backupStarted: 1 }),
    copy("weekly", "old", { lsn: 100, backupStarted: 2 }),
    copy("weekly", "part", { lsn: 500, type: "incremental" }),
    copy("weekly", "unknown", { lsn: 600, type: null }),
    copy("yearly", "y", { lsn: 999 }),
  ]);
  const parent = (runType: RunType) => status.candidateParent(runType)?.name ?? null;
  assert.deepEqual(RUN_TYPES.map(parent), ["h", "young", "young", "y", "y"]);
  status.remove("master1/yearly/mysql/y");
  assert.deepEqual(RUN_TYPES.map(parent), ["h", "young", "young", null, null]);
  assert.deepEqual(RUN_TYPES.map((runType) => status.fullCopyExists(runType)), [true, true, true, false, false]);
});

Deno.test("of copies with equal LSNs the older full one is the parent, and one without counts for less", () => {
  const parent = (...lsns: readonly (number | null)[]) => {
    const copies = lsns.map((lsn, i) => copy("daily", String(i), { lsn, backupStarted: i + 1 }));
    return new TwinDbStatus(HOST, copies.toReversed()).candidateParent("hourly")?.name;
  };
  assert.equal(parent(7, 7, 7), "0");
  assert.equal(parent(6, 7, 7), "1");
  assert.equal(parent(7, null, 6), "0");
  assert.equal(parent(null, 0, null), "1");
  assert.equal(parent(null, -3, -4), "1");
  const older = [copy("daily", "part", { lsn: 7, type: "incremental" }), copy("daily", "full", { lsn: 7 })];
  assert.equal(new TwinDbStatus(HOST, older).candidateParent("daily")?.name, "full");
});

Deno.test("what is no run type is refused, whatever the types of a program say", () => {
  const unknown = "quarterly" as RunType;
  const status = new TwinDbStatus(HOST, [copy("yearly", "y")]);
  assert.throws(() => copy(unknown, "x"), UsageError);
  assert.throws(() => status.add({ ...copy("daily", "x"), runType: unknown }), UsageError);
  assert.throws(() => status.ofRunType(unknown), UsageError);
  assert.throws(() => status.candidateParent(unknown), UsageError);
  assert.throws(() => status.fullCopyExists(unknown), UsageError);
  assert.throws(() => status.nextBackupType(unknown, "daily"), UsageError);
  assert.throws(() => status.nextBackupType("daily", unknown), UsageError);
  assert.equal(status.length, 1);
});

Deno.test("without LSNs the newest full copy by time is the parent", () => {
  const status = new TwinDbStatus(HOST, [
    copy("daily", "new", { backupStarted: 20 }),
    copy("daily", "old", { backupStarted: 10 }),
  ]);
  assert.equal(status.candidateParent("hourly")?.name, "new");
});

Deno.test("with full_backup=daily hourly runs are incremental, all others full", () => {
  const status = new TwinDbStatus(HOST, [copy("daily", "d")]);
  assert.deepEqual(RUN_TYPES.map((runType) => status.nextBackupType("daily", runType)), [
    "incremental",
    "full",
    "full",
    "full",
    "full",
  ]);
  assert.equal(status.nextBackupType("weekly", "daily"), "incremental");
  assert.equal(status.nextBackupType("hourly", "hourly"), "full");
  assert.equal(new TwinDbStatus(HOST).nextBackupType("daily", "hourly"), "full", "there is nothing to continue");
  assert.equal(new TwinDbStatus(HOST, [copy("hourly", "h")]).nextBackupType("weekly", "daily"), "full");
});

const seconds = fc.option(fc.integer({ min: 1, max: Date.UTC(9999, 11, 31) / 1000 }));
const number = fc.option(fc.maxSafeNat());
const name = text.filter((value) => value !== "" && !value.includes("/"));
const anyCopy: fc.Arbitrary<TwinDbCopy> = fc.record({
  host: name,
  runType: fc.constantFrom(...RUN_TYPES),
  sourceType: fc.constantFrom("mysql", "files"),
  name,
  type: fc.option(fc.constantFrom(...TWINDB_BACKUP_TYPES)),
  parent: fc.option(text),
  backupStarted: seconds,
  backupFinished: seconds,
  binlog: fc.option(text),
  position: number,
  lsn: number,
  galera: fc.boolean(),
  wsrepProviderVersion: fc.option(text),
  serverVendor: fc.constantFrom(...SERVER_VENDORS),
  config: fc.array(fc.tuple(text.filter((path) => path !== "__proto__"), text), { maxLength: 3 })
    .map((files) => new Map(files)),
}).map(twinDbCopy);
const anyCopies = fc.uniqueArray(anyCopy, { maxLength: 5, selector: ({ key }) => key });

Deno.test("any status is the same when it is read again, in both versions", () => {
  fc.assert(
    fc.property(anyCopies, (copies) => {
      const status = new TwinDbStatus(HOST, copies);
      const written = status.serialize();
      const read = TwinDbStatus.parse(written, HOST);
      // Copies of one second stand in the order of their run types.
      const sorted = (list: Iterable<TwinDbCopy>) => [...list].sort((a, b) => a.key < b.key ? -1 : 1);
      assert.deepEqual(sorted(read), sorted(copies));
      assert.equal(TwinDbStatus.parse(read.serialize(), HOST).serialize(), read.serialize());
      const { md5, status: encoded } = JSON.parse(written);
      assert.equal(md5, status.md5);
      const wrapped = ` ${encoded.replace(/.{1,60}/g, "$&\r\n\t")}`;
      assert.deepEqual([...TwinDbStatus.parse(wrapped, HOST)], [...read]);
      assert.deepEqual(parseAnyTwinDbStatus(written, HOST), read);
    }),
    { seed: 20260302, numRuns: 150 },
  );
});

Deno.test("any status of binary logs is the same when it is read again", () => {
  const logs = fc.uniqueArray(
    fc.record({ host: name, name, createdAt: fc.nat() }).map(twinDbBinlogCopy),
    { maxLength: 5, selector: ({ key }) => key },
  );
  fc.assert(
    fc.property(logs, (copies) => {
      const read = parseAnyTwinDbStatus(new TwinDbBinlogStatus(HOST, copies).serialize(), HOST);
      assert.ok(read instanceof TwinDbBinlogStatus);
      assert.deepEqual(new Map([...read].map((log) => [log.key, log])), new Map(copies.map((log) => [log.key, log])));
    }),
    { seed: 7, numRuns: 50 },
  );
});

Deno.test("older binary logs name their time otherwise", () => {
  const status = TwinDbBinlogStatus.parse(
    base64({ "m/binlog/b": { created_at: "100501" }, "m/binlog/a": { time_created: "100500" } }),
    HOST,
  );
  assert.deepEqual([...status].map(({ name, createdAt }) => [name, createdAt]), [["a", 100500], ["b", 100501]]);
  assert.equal(status.path, "master1/binlog-status");
});

Deno.test("fields that are not there are unknown", () => {
  const key = "master1/daily/mysql/x";
  const read = TwinDbStatus.parse(base64({ ...EMPTY, daily: { [key]: { type: "full", backup_started: 0 } } }), HOST);
  assert.deepEqual([...read], [twinDbCopy({ host: HOST, runType: "daily", name: "x", type: "full" })]);
  const nothing = { config: null, server_vendor: null, lsn: null, parent: null, backup_finished: null };
  assert.deepEqual(
    [...TwinDbStatus.parse(envelope({ ...EMPTY, daily: { [key]: { type: null, ...nothing } } }), HOST)],
    [
      twinDbCopy({ host: HOST, runType: "daily", name: "x" }),
    ],
  );
});

const withCopy = (key: string, fields: unknown) => envelope({ ...EMPTY, daily: { [key]: fields } });
const KEY = "master1/daily/mysql/x";
const CORRUPTED: readonly (readonly [what: string, text: string, message?: RegExp])[] = [
  ["an empty file", "", /empty/],
  ["white space", " \n"],
  ["a wrong MD5", envelope(EMPTY, { md5: hash("md5", "") }), /MD5/],
  ["an MD5 with a digit too much", envelope(EMPTY, { md5: `${hash("md5", base64(EMPTY))}0` }), /MD5/],
  ["no MD5", JSON.stringify({ status: base64(EMPTY), version: 1 }), /md5/],
  ["no status", JSON.stringify({ md5: hash("md5", ""), version: 1 }), /status/],
  ["a later version", envelope(EMPTY, { version: 2 }), /version 2/],
  ["a version that is no number", envelope(EMPTY, { version: "1" }), /version/],
  ["JSON that is no object", "[1, 2]"],
  ["JSON that is null", "null"],
  ["neither JSON nor base64", "{status", /neither JSON nor base64/],
  ["base64 cut off", base64(EMPTY).slice(0, -3)],
  ["base64 of no JSON", base64("{not json"), /not valid JSON/],
  ["base64 of bytes that are no text", new Uint8Array([0xff, 0xfe, 0x41]).toBase64(), /UTF-8/],
  ["a list of copies", envelope([]), /object/],
  ["no run types", envelope({}), /hourly/],
  ["a run type missing", envelope({ ...EMPTY, yearly: undefined }), /yearly/],
  ["a run type that is none", envelope({ ...EMPTY, quarterly: {} }), /"quarterly" is not a run type/],
  ["a key of a run type that is none", withCopy("master1/quarterly/mysql/x", { type: "full" }), /key/],
  ["a run type that is no object", envelope({ ...EMPTY, daily: [] }), /daily/],
  ["a key of three parts", withCopy("master1/daily/x", { type: "full" }), /key/],
  ["a key of five parts", withCopy("master1/daily/mysql/a/b", { type: "full" }), /key/],
  ["a key with an empty part", withCopy("/daily/mysql/x", { type: "full" }), /key/],
  ["a key of another run type", withCopy("master1/hourly/mysql/x", { type: "full" }), /key/],
  ["a copy that is no object", withCopy(KEY, "full")],
  ["no type", withCopy(KEY, {}), /type/],
  ["an unknown type", withCopy(KEY, { type: "half" }), /type/],
  ["a time that is none", withCopy(KEY, { type: "full", backup_started: "yesterday" }), /backup_started/],
  ["a time that has no date", withCopy(KEY, { type: "full", backup_started: 2 ** 50 }), /years 0 to 9999/],
  ["a number beyond what is exact", withCopy(KEY, { type: "full", lsn: 2 ** 60 }), /lsn/],
  ["an unknown vendor", withCopy(KEY, { type: "full", server_vendor: "ibm" }), /server_vendor/],
  ["a configuration that is not base64", withCopy(KEY, { type: "full", config: [{ "/etc/my.cnf": "?" }] }), /my\.cnf/],
  ["a configuration that is no text", withCopy(KEY, { type: "full", config: [{ "/c": "/w==" }] }), /UTF-8/],
];

for (const [what, content, message = /./] of CORRUPTED) {
  Deno.test(`not a status: ${what}`, () => {
    assert.throws(() => TwinDbStatus.parse(content, HOST), (error) => {
      assert.ok(error instanceof CorruptedStatus && error instanceof StatusError, String(error));
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });
  });
}

Deno.test("not a status of binary logs: bad keys and times", () => {
  for (
    const content of [{ "m/binlog": { time_created: 1 } }, { "m/daily/x": { time_created: 1 } }, { "m/binlog/x": {} }, {
      "m/binlog/x": { time_created: 2 ** 50 },
    }]
  ) {
    assert.throws(() => TwinDbBinlogStatus.parse(base64(content), HOST), CorruptedStatus, JSON.stringify(content));
  }
});

Deno.test("any one changed digit of the copies is noticed", () => {
  const written = new TwinDbStatus(HOST, [copy("daily", "x", { lsn: 1 })]).serialize();
  const from = written.indexOf('"status": "') + 11;
  const to = written.indexOf('", "version"');
  fc.assert(
    fc.property(fc.integer({ min: from, max: to - 1 }), (at) => {
      const changed = written.slice(0, at) + (written[at] === "A" ? "B" : "A") + written.slice(at + 1);
      assert.throws(() => TwinDbStatus.parse(changed, HOST), CorruptedStatus);
    }),
    { seed: 3, numRuns: 100 },
  );
});

Deno.test("a status is saved to a destination and read from it; what is not there is empty", async () => {
  const files = new Map<string, string>();
  const destination: StatusDestination = {
    read: (path) => Promise.resolve(files.get(path) ?? null),
    write: (path, content) => Promise.resolve(void files.set(path, content)),
  };
  assert.equal((await TwinDbStatus.read(destination, HOST)).length, 0);
  await new TwinDbStatus(HOST, [copy("daily", "x")]).save(destination);
  await new TwinDbBinlogStatus(HOST, [twinDbBinlogCopy({ host: HOST, name: "b", createdAt: 1 })]).save(destination);
  assert.deepEqual([...files.keys()], ["master1/status", "master1/binlog-status"]);
  assert.deepEqual(keys(await TwinDbStatus.read(destination, HOST)), [KEY]);
  assert.deepEqual(keys(await TwinDbBinlogStatus.read(destination, HOST)), ["master1/binlog/b"]);
  files.set("master1/status", "");
  await assert.rejects(TwinDbStatus.read(destination, HOST), CorruptedStatus);
});
