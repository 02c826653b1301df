/** Which backup somebody means. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { compareAge } from "../../../src/backup/backup.ts";
import {
  newestOnOlderChain,
  parseSelector,
  selectBackup,
  selectDespiteDamage,
} from "../../../src/backup/naming/selector.ts";
import { IntegrityError, UsageError } from "../../../src/base/errors.ts";
import { backup, manifestIdOf, snapshotIdOf } from "../backups.ts";

const PARSED: readonly [string, ReturnType<typeof parseSelector>][] = [
  ["prod/shop", { series: "prod/shop", pick: { kind: "latest" } }],
  ["prod/shop@latest", { series: "prod/shop", pick: { kind: "latest" } }],
  ["prod/shop@1f2e", { series: "prod/shop", pick: { kind: "id", prefix: "1f2e" } }],
  ["@1f2e3d4c", { series: null, pick: { kind: "id", prefix: "1f2e3d4c" } }],
  ["a@b@1f2e", { series: "a@b", pick: { kind: "id", prefix: "1f2e" } }],
  ["s@2026-08-30T12:00Z", { series: "s", pick: { kind: "time", asOf: new Date("2026-08-30T12:00:00Z") } }],
  ["s@2026-08-30 12:00:30+02:00", { series: "s", pick: { kind: "time", asOf: new Date("2026-08-30T10:00:30Z") } }],
  ["s@2026-08-30T12:00:30.5-0130", { series: "s", pick: { kind: "time", asOf: new Date("2026-08-30T13:30:30.5Z") } }],
  ["s@2026-08-30T12:00", { series: "s", pick: { kind: "time", asOf: new Date(2026, 7, 30, 12) } }],
  ["s@2026-08-30", { series: "s", pick: { kind: "time", asOf: new Date(2026, 7, 30, 23, 59, 59, 999) } }],
];

for (const [text, selector] of PARSED) {
  Deno.test(`"${text}" is understood`, () => assert.deepEqual(parseSelector(text), selector));
}

Deno.test("what means no backup is refused", () => {
  const texts = [
    "",
    "@",
    "@latest",
    "@2026-08-30",
    "s@",
    "s@123",
    "s@XYZ1",
    "s@2026-13-01",
    "s@2026-02-30",
    "s@2026-1-1",
  ];
  for (const text of [...texts, "s@2026-01-01T25:00", "s@Latest", `s@${"0".repeat(65)}`]) {
    assert.throws(() => parseSelector(text), UsageError, text);
  }
});

const BACKUPS = [
  backup("1", { time: "2026-01-01T00:00:00Z" }),
  backup("2", { time: "2026-01-02T00:00:00Z" }),
  backup("other", { time: "2026-01-02T12:00:00Z", series: "prod/crm" }),
  backup("3", { time: "2026-01-03T02:00:00+02:00" }),
  backup("restic's", { time: "2026-01-04T00:00:00Z", series: "db.sql", isForeign: true }),
];

function request(text: string) {
  return { selector: parseSelector(text), text };
}

function selected(text: string) {
  return selectBackup(BACKUPS, request(text)).id;
}

Deno.test("what another tool left of a backup is not the latest where that is there itself", () => {
  const whole = backup("2", { time: "2026-01-02T00:00:00Z" });
  const snapshot = { ...whole.snapshot, original: whole.snapshotId };
  const gutted = { ...whole, snapshotId: snapshotIdOf("gutted"), snapshot, damage: "its tree holds less" };
  for (const text of ["prod/shop", "prod/shop@2026-01-02"]) {
    assert.equal(selectBackup([whole, gutted], request(text)), whole);
    assert.equal(selectBackup([gutted], request(text)), gutted);
  }
  assert.equal(selectBackup([whole, gutted], request(`@${gutted.snapshotId}`)), gutted);
});

Deno.test("the latest is the last of its series", () => {
  assert.equal(selected("prod/shop"), manifestIdOf("3"));
  assert.equal(selected("prod/crm@latest"), manifestIdOf("other"));
  assert.equal(selected("db.sql"), snapshotIdOf("restic's"));
});

Deno.test("an id without its @ is told how to be written", () => {
  const id = manifestIdOf("2").slice(0, 8);
  assert.throws(() => selected(id), { code: "usage", message: new RegExp(`write "@${id}"`) });
});

Deno.test("a time means the newest backup that began by then", () => {
  assert.equal(selected("prod/shop@2026-01-02T00:00:00Z"), manifestIdOf("2"));
  assert.equal(selected("prod/shop@2026-01-01T23:59:59Z"), manifestIdOf("1"));
  assert.equal(selected("prod/shop@2026-01-03T00:00:00Z"), manifestIdOf("3"));
  assert.throws(() => selected("prod/shop@2025-12-31T23:59:59Z"), {
    code: "usage",
    message: /the oldest began 2026-01-01/,
  });
});

Deno.test("a time looks at when backups began, whatever order their snapshots have; a tie goes to the higher level", () => {
  const base = manifestIdOf("late");
  const backups = [
    backup("late", { time: "2026-01-05T00:00:00Z" }),
    backup("child", { time: "2026-01-02T00:00:00Z", level: 1, parent: base, base }),
    backup("early", { time: "2026-01-02T00:00:00Z" }),
  ];
  const meant = (text: string) => selectBackup(backups, request(text)).id;
  assert.equal(meant("prod/shop@2026-01-03T00:00:00Z"), manifestIdOf("child"));
  assert.equal(meant("prod/shop@2026-01-05T00:00:00Z"), base);
  assert.equal(meant("prod/shop"), base);
  assert.throws(() => meant("prod/shop@2026-01-01T00:00:00Z"), { message: /the oldest began 2026-01-02/ });
});

Deno.test("an id is the manifest's or the snapshot's, of any length that fits one", () => {
  for (
    const id of [manifestIdOf("2"), snapshotIdOf("2"), manifestIdOf("2").slice(0, 8), snapshotIdOf("2").slice(0, 8)]
  ) {
    assert.equal(selected(`@${id}`), manifestIdOf("2"));
    assert.equal(selected(`prod/shop@${id}`), manifestIdOf("2"));
    assert.throws(() => selected(`prod/crm@${id}`), UsageError);
  }
});

Deno.test("an id that fits several backups is refused", () => {
  const twins = [BACKUPS[0]!, { ...BACKUPS[1]!, id: BACKUPS[0]!.id }];
  const text = `@${BACKUPS[0]!.id.slice(0, 8)}`;
  assert.throws(() => selectBackup(twins, request(text)), { code: "usage", message: /more digits/ });
});

Deno.test("of a backup and the copy that restic made of its snapshot an id means the first", () => {
  const [first] = BACKUPS;
  const copy = {
    ...first!,
    snapshotId: BACKUPS[1]!.snapshotId,
    snapshot: { ...first!.snapshot, original: first!.snapshotId },
  };
  for (const backups of [[first!, copy], [copy, first!]]) {
    assert.equal(selectBackup(backups, request(`@${first!.id}`)).snapshotId, first!.snapshotId);
    assert.equal(selectBackup(backups, request(`@${copy.snapshotId}`)).snapshotId, copy.snapshotId);
  }
});

Deno.test("an unknown series is answered with the nearest one, or with those that there are", () => {
  assert.throws(() => selected("prod/shp"), { code: "usage", message: /; did you mean "prod\/shop"\?$/ });
  assert.throws(() => selected("crm"), { code: "usage", message: /; did you mean "prod\/crm"\?$/ });
  assert.throws(() => selected("prod"), { code: "usage", message: /no backup of "prod" itself.*such as "prod\/crm"$/ });
  assert.throws(() => selected("elsewhere"), { code: "usage", message: /"db.sql", "prod\/crm", "prod\/shop"/ });
  const besides = [...BACKUPS, ...["gateway/generation", "kv/app/config"].map((series) => backup(series, { series }))];
  assert.throws(() => selectBackup(besides, request("elsewhere")), {
    message: /there are "db\.sql", "prod\/crm", "prod/,
  });
  assert.throws(() => selectBackup(besides, request("kv/app/confg")), { message: /did you mean "kv\/app\/config"/ });
  assert.throws(() => selectBackup([], request("s")), { message: /no backup in this repository yet/ });
});

/** The nights of `prod/shop` and one of `prod/crm`; who continues whom is said by restic's `parent`. */
const CHAIN = [
  continued(backup("c1", { time: "2026-01-01T00:00:00Z" }), null),
  continued(backup("c2", { time: "2026-01-03T00:00:00Z" }), "lost in shop"),
  continued(backup("crm", { time: "2026-01-03T00:00:00Z", series: "prod/crm" }), "lost in crm"),
  continued(
    backup("restic's", { time: "2026-01-04T00:00:00Z", series: "db.sql", isForeign: true }),
    "lost of restic's",
  ),
];

function continued(child: ReturnType<typeof backup>, parent: string | null) {
  return { ...child, snapshot: { ...child.snapshot, parent: parent === null ? null : snapshotIdOf(parent) } };
}

function despite(text: string, ...lost: string[]): string {
  const damaged = lost.map((name) => ({ id: snapshotIdOf(name), error: new IntegrityError(`Damaged ${name}`) }));
  return selectDespiteDamage(CHAIN, damaged, request(text)).id;
}

Deno.test("beside a snapshot that cannot be read neither latest nor a time is guessed; an id is no guess", () => {
  for (const text of ["prod/shop", "prod/shop@latest", "prod/shop@2026-01-02", "prod/crm"]) {
    const message = /may mean a snapshot that cannot be read.*"agent ls".*by its id.*Damaged anything/;
    assert.throws(() => despite(text, "anything"), { code: "integrity", message });
  }
  assert.equal(despite(`prod/shop@${manifestIdOf("c1").slice(0, 8)}`, "anything"), manifestIdOf("c1"));
  assert.throws(() => despite("@ffffffff", "anything"), { code: "integrity", message: /"@ffffffff" may mean/ });
  assert.throws(() => despite("prod/shop", "a", "b"), { message: /2 snapshots that cannot be read/ });
});

Deno.test("a snapshot that a readable backup continues is of its series, and not the latest", () => {
  assert.equal(despite("prod/shop", "lost in shop", "lost in crm"), manifestIdOf("c2"));
  assert.equal(despite("prod/shop@2026-01-03", "lost in shop"), manifestIdOf("c2"));
  assert.throws(() => despite("prod/shop@2026-01-02", "lost in shop"), { code: "integrity" });
  assert.equal(despite("prod/shop@2026-01-02", "lost in crm"), manifestIdOf("c1"));
  assert.throws(() => despite("prod/shop", "lost of restic's"), { code: "integrity" }, "restic's parents may be any");
  assert.throws(() => despite("prod/shop", "lost in shop", "anything"), { message: /may mean a snapshot that/ });
});

/** A level of a chain whose levels a restore replays. */
function level(name: string, base: string, number: number, day: string, host = "db1") {
  const streams = [{ path: `level-${number}/data.tar`, size: 1, guard: "tar", complete: true }];
  const shape = { level: number, host, base: number === 0 ? null : manifestIdOf(base), info: { streams } };
  return backup(name, { ...shape, time: `2026-01-${day}T00:00:00Z` });
}

Deno.test("of levels that are replayed, latest and times mean the newest member of the newest chain", () => {
  const backups = [
    level("a0", "a0", 0, "01"),
    level("a1", "a0", 1, "02"),
    level("b0", "b0", 0, "03"),
    level("a2", "a0", 2, "04"),
    level("b1", "b0", 1, "05"),
    level("b1 again", "b0", 1, "06"),
    level("a3", "a0", 3, "07"),
  ];
  const meant = (text: string, among = backups) => selectBackup(among, request(`prod/shop${text}`)).id;
  const expected = [["01", "a0"], ["02", "a1"], ["03", "b0"], ["04", "b0"], ["05", "b1"], ["06", "b1 again"], [
    "07",
    "b1 again",
  ]];
  for (const [day, name] of expected) assert.equal(meant(`@2026-01-${day}T12:00Z`), manifestIdOf(name!), day);
  assert.equal(meant("@latest"), manifestIdOf("b1 again"));
  assert.equal(meant(`@${manifestIdOf("a3")}`), manifestIdOf("a3"));
  assert.equal(newestOnOlderChain(backups, backups[5]!, request("prod/shop"))?.id, manifestIdOf("a3"));
  assert.equal(newestOnOlderChain(backups, backups[5]!, request("prod/shop@2026-01-06")), undefined);
  // Without its level 0, a chain is as old as its oldest member.
  assert.equal(meant("", backups.filter(({ id }) => id !== manifestIdOf("b0"))), manifestIdOf("b1 again"));
});

Deno.test("chains of several hosts are not compared: the newest backup decides whose chain is meant", () => {
  const backups = [level("x0", "x0", 0, "01", "x"), level("y0", "y0", 0, "02", "y"), level("x1", "x0", 1, "03", "x")];
  assert.equal(selectBackup(backups, request("prod/shop")).id, manifestIdOf("x1"));
});

Deno.test("a series whose backups stand alone means the newest, whatever its chains", () => {
  const night = fc.record({
    day: fc.integer({ min: 1, max: 28 }),
    level: fc.integer({ min: 0, max: 3 }),
    base: fc.nat(3),
  });
  fc.assert(
    fc.property(fc.array(night, { minLength: 1, maxLength: 12 }), (nights) => {
      const backups = nights.map(({ day, level, base }, i) => {
        const time = `2026-01-${String(day).padStart(2, "0")}T00:00:00Z`;
        const streams = [{ path: "data", size: 1, guard: "none", complete: null }];
        return backup(`${i}`, { time, level, base: level === 0 ? null : manifestIdOf(`${base}`), info: { streams } });
      });
      const newest = backups.reduce((a, b) => compareAge(a, b) <= 0 ? b : a);
      assert.equal(selectBackup(backups, request("prod/shop")), newest);
    }),
    { seed: 12 },
  );
});
