/** Forget, rotate and rm as people type them. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { mapConcurrently } from "../../src/base/concurrency.ts";
import { ExitCode } from "../../src/base/errors.ts";
import { servingTest, startAgentServer, whyNoServer } from "../helpers/agent_server.ts";
import {
  assertFails,
  bulkNoise,
  emptySandbox,
  type JsonRow,
  jsonRows,
  type Sandbox,
  sandbox,
} from "../helpers/executable.ts";
import { saveBackup } from "../ops/forget_fixture.ts";
import { runAgentHere } from "../helpers/agent_here.ts";

runAgentHere();

const AT_A_TIME = 3;
const DAY_MS = 86_400_000;
const UTC = { env: { TZ: "UTC" } };

/** Nights of `prod/shop` on db1, on the given days of March 2026 and with these run types; gives their ids. */
async function nights(box: Sandbox, days: readonly (readonly [day: string, runType?: string])[]): Promise<string[]> {
  const ids: string[] = [];
  for (const [day, runType = "daily"] of days) {
    const args = ["--time", `2026-03-${day}T04:00:00Z`, "--host", "db1", "--run-type", runType];
    ids.push(await box.put("prod/shop", `night ${day}`, ...args));
  }
  return ids;
}

const idsOf = (rows: unknown) => (rows as JsonRow[]).map(({ id }) => id);

/** As `nights`, of snapshots alone: no data is there to be restored. */
async function snapshotsOf(
  box: Sandbox,
  days: readonly (readonly [day: string, runType?: string])[],
): Promise<string[]> {
  const repository = await box.open();
  const ids: string[] = [];
  for (const [day, runType = "daily"] of days) {
    const { id } = await saveBackup(repository, day, { time: `2026-03-${day}T04:00:00Z`, runType });
    ids.push(id);
  }
  await repository.store.close();
  return ids;
}

async function left(box: Sandbox, ids: readonly string[]): Promise<number[]> {
  return (await box.json(["ls"])).map(({ id }) => ids.indexOf(String(id)));
}

Deno.test("forget shows what it would do, does it, and what is left restores", async (test) => {
  await using box = await sandbox();
  const ids = await nights(box, [["01"], ["02"], ["03", "weekly"], ["04"]]);
  const flags = ["--keep-last", "1", "--keep-weekly", "2"];

  await test.step("a dry run is a table with reasons", async () => {
    const { exitCode, stdout, stderr } = await box.agent(["forget", "-n", ...flags], UTC);
    assert.equal(exitCode, ExitCode.done);
    const [head, ...rows] = stdout.trimEnd().split("\n");
    assert.match(head!, /^ID +SERIES +HOST +STARTED +RUN +TAGS +VERDICT +REASONS$/);
    assert.match(
      rows[0]!,
      /^[0-9a-f]{8} +prod\/shop +db1 +2026-03-01 04:00:00 \+00:00 +daily +- +keep +weekly backup$/,
    );
    assert.match(rows[1]!, / +remove$/);
    assert.match(rows[3]!, / +keep +last backup, weekly backup$/);
    assert.equal(stderr, "Would remove 2 of 4 backups; agent prune frees what only they used\n");
  });

  await test.step("with --json it is an object a group, with restic's names and the backups of ls", async () => {
    const listed = await box.json(["ls"]);
    const [group, ...others] = await box.json(["forget", "-n", ...flags]);
    assert.equal(others.length, 0);
    const { tags, host, paths, series, keep, remove, reasons } = group!;
    assert.deepEqual({ tags, host, paths, series }, {
      tags: null,
      host: "db1",
      paths: ["/prod/shop"],
      series: "prod/shop",
    });
    assert.deepEqual(keep, [listed[3], listed[0]]);
    assert.deepEqual(remove, [listed[2], listed[1]]);
    assert.deepEqual(reasons, [
      {
        id: ids[3],
        snapshot: listed[3]!["snapshot"],
        matches: ["last snapshot", "weekly snapshot"],
        counters: { last: 0, weekly: 1 },
      },
      { id: ids[0], snapshot: listed[0]!["snapshot"], matches: ["weekly snapshot"], counters: { last: 0, weekly: 0 } },
    ]);
    assert.equal(listed.length, 4, "a dry run changes nothing");
  });

  await test.step("a quiet run says nothing", async () => {
    const outcome = await box.agent(["forget", "--quiet", ...flags]);
    assert.deepEqual(outcome, { exitCode: ExitCode.done, stdout: "", stderr: "" });
    assert.deepEqual(await left(box, ids), [0, 3]);
    assert.equal(await box.ok(["get", `@${ids[3]}`]), "night 04");
    assert.equal(await box.ok(["get", `@${ids[0]}`]), "night 01");
    await box.ok(["check", "--read-data"]);
  });

  await test.step("doing it again removes nothing more", async () => {
    const { stderr } = await box.agent(["forget", ...flags]);
    assert.equal(stderr, "Nothing to remove of 2 backups\n");
    const unknown = await box.agent(["forget", "--keep-last", "1", "elsewhere"]);
    assertFails(unknown, ExitCode.usage, /no backup of "elsewhere"; there is "prod\/shop"/);
    assert.equal((await box.agent(["forget", "--keep-last", "1", "--tag", "none"])).stderr, "No backup matches\n");
  });
});

Deno.test("forget counts run types, and removes by age and by id, but never the last good backup", async () => {
  await using box = await sandbox();
  const ids = await snapshotsOf(box, [["01", "hourly"], ["02", "daily"], ["03", "hourly"], ["04", "hourly"], [
    "05",
    "daily",
  ]]);
  await box.ok(["forget", "prod/shop", "--keep-run-type", "hourly=2,daily=1"]);
  assert.deepEqual(await left(box, ids), [2, 3, 4]);
  await box.ok(["forget", ids[2]!.slice(0, 12)]);
  assert.deepEqual(await left(box, ids), [3, 4]);
  const [group] = await box.json(["forget", "--older-than", "1D2h3m4s"]);
  assert.deepEqual([idsOf(group!["keep"]), idsOf(group!["remove"])], [[ids[4]], [ids[3]]]);
  assert.deepEqual((group!["reasons"] as JsonRow[])[0]!["matches"], ["newest backup of the series"]);
  assertFails(
    await box.agent(["forget", `@${ids[4]}`]),
    ExitCode.usage,
    /last good backup of "prod\/shop".*--allow-last/,
  );
  assert.deepEqual(await left(box, ids), [4]);
  await box.ok(["forget", ids[4]!, "--allow-last"]);
  assert.deepEqual(await left(box, ids), []);
});

Deno.test("rotate keeps the first backup of each unit, rm removes one", async () => {
  await using box = await sandbox();
  const repository = await box.open();
  const ids: string[] = [];
  for (const daysAgo of [900, 800, 0, -2]) {
    const time = new Date(Date.now() - daysAgo * DAY_MS).toISOString();
    ids.push((await saveBackup(repository, `${daysAgo}`, { series: "a", time })).id);
  }
  const dry = await box.agent(["rotate", "a", "--dry-run", "--days", "3", "--weeks", "0", "--months", "0"]);
  const years = await box.json(["rotate", "a", "-n", "--days", "0", "--weeks", "0", "--months", "0", "--years", "100"]);
  const reasons = (years[0]!["reasons"] as JsonRow[]).map(({ matches }) => matches as string[]);
  assert.ok(reasons.every(([reason]) => ["first of its year", "in the future"].includes(reason!)), reasons.join());
  assert.ok(reasons.length > 2, "a year that lies 800 days back has its backup, too");
  assert.match(dry.stdout, /first of its day\n.* in the future\n$/);
  assert.match(
    dry.stderr,
    /^agent: warning: 1 backup claims to have been made in the future \([0-9a-f]{8} of "a" on db1/,
  );
  await box.ok(["rotate", "a", "--first-week-day", "Mon"]);
  assert.deepEqual(await left(box, ids), [2, 3]);
  assertFails(await box.agent(["rm", "a"]), ExitCode.usage, /Say which backup of "a": a@latest/);
  const { stdout, stderr } = await box.agent(["rm", `@${ids[3]}`]);
  assert.equal(stdout, "");
  assert.match(stderr, /^Removed a [0-9a-f]{8} of \d{4}-/);
  assert.deepEqual(await left(box, ids), [2]);
  assertFails(await box.agent(["rm", "a@latest"]), ExitCode.usage, /last good backup of "a"/);
  assert.deepEqual(idsOf(await box.json(["rm", `@${ids[2]}`, "--allow-last", "-n"])), [ids[2]]);
  await box.ok(["rm", `@${ids[2]}`, "--allow-last"]);
  assert.deepEqual(await left(box, ids), []);
});

const MISTAKES: readonly (readonly [args: readonly string[], message: RegExp])[] = [
  [["forget"], /Say what to keep/],
  [["forget", "--host", "db1", "1f2e3d4c"], /--host.*only limit a policy/],
  [["forget", "--keep-last", "0"], /keeps nothing/],
  [["forget", "--older-than", "0D"], /keeps nothing/],
  [["forget", "--keep-daily", "-5"], /Not a number of days to keep: "-5"/],
  [["forget", "--keep-within", "5w"], /no unit "w".*2y5m7d3h/],
  [["forget", "--older-than", "3X"], /no unit "X".*3M2D8h20m5s/],
  [["forget", "--keep-run-type", "often=3"], /hourly, daily, weekly, monthly, yearly/],
  [["forget", "--group-by", "size", "--keep-last", "1"], /host, series, paths, tags/],
  [["forget", "prod/shop@latest", "--keep-last", "1"], /not both/],
  [["forget", "prod/shop"], /Not a backup: "prod\/shop".*what to keep/],
  [["forget", "", "--keep-last", "1"], /Not a series: ""/],
  [["forget", "prod/", "--keep-last", "1"], /Not a series: "prod\/"/],
  [["forget", "--keep-last", "1", "--max-unused", "0"], /add --prune/],
  [["forget", "--keep-last", "1", "--prune", "--max-unused", "120%"], /No repository can be 120% waste/],
  [["rm", "prod/shop@latest", "--repack-cacheable-only"], /add --prune/],
  [["rotate", "a", "--days", "0", "--weeks", "0", "--months", "0"], /keeps nothing.*--days 7/],
  [["rotate", "a", "--days", "-1"], /Not a number of days to keep: "-1"/],
  [["rotate", "a", "--first-week-day", "7"], /saturday, sat, or a number, 0 for Monday to 6 for Sunday/],
  [["rotate", "a", "--years", "some"], /Not a number of years to keep: "some"/],
  [["rotate", "a@latest"], /Not a series name/],
];

Deno.test("a policy that makes no sense is refused before anything is removed: exit code 2", async () => {
  await using box = await sandbox();
  const ids = await snapshotsOf(box, [["01"], ["02"]]);
  await mapConcurrently(MISTAKES, AT_A_TIME, async ([args, message]) => {
    assertFails(await box.agent(args), ExitCode.usage, message);
  });
  assert.deepEqual(await left(box, ids), [0, 1]);
});

servingTest(
  "a store that only appends: one line that tells where retention has to run",
  await whyNoServer(),
  async () => {
    await using box = await emptySandbox();
    await using server = await startAgentServer(box, { appendOnly: true });
    const repository = {
      AGENT_REPOSITORY: server.repository("append"),
      AGENT_PASSWORD: "secret",
      AGENT_PASSWORD_FILE: undefined,
    };
    await box.ok(["init"], { env: repository });
    for (const day of ["01", "02"]) {
      await box.ok(["put", "a", "-q", "--time", `2026-03-${day}T04:00:00Z`], { stdin: day, env: repository });
    }
    for (const args of [["forget", "--keep-last", "1"], ["rotate", "a"], ["rm", "a@latest"]]) {
      const outcome = await box.agent([...args, "--no-cache"], { env: repository });
      assertFails(
        outcome,
        ExitCode.failed,
        /run retention where deletions are allowed, for example on the server itself/,
      );
      assert.doesNotMatch(outcome.stderr, /secret/);
    }
    assert.equal((await box.json(["ls"], { env: repository })).length, 2);
  },
);

Deno.test("with --prune the space is freed in the same run, if there is anything to free", async (test) => {
  await using box = await sandbox();
  const bytes = (name: string) => bulkNoise(200_000, name);
  const put = (series: string, day: string) => {
    return box.put(series, bytes(`${series} ${day}`), "--host", "db1", "--time", `2026-03-${day}T04:00:00Z`);
  };
  for (const day of ["01", "02", "03", "04"]) await put("a", day);
  const limits = ["--prune", "--max-unused", "0"];
  const total = async () =>
    (await Promise.all((await box.packs()).map((path) => Deno.stat(path))))
      .reduce((sum, { size }) => sum + size, 0);

  await test.step("a dry run shows both and changes nothing", async () => {
    const before = await total();
    const { exitCode, stdout, stderr } = await box.agent(["forget", "-n", "--keep-last", "2", ...limits]);
    assert.equal(exitCode, ExitCode.done, stderr);
    assert.match(stdout, /^ID .*VERDICT .*\nremove +nothing of it is needed .*\nWould free 39\d KiB of /s);
    assert.equal(stderr, "Would remove 2 of 4 backups\n");
    assert.equal(await total(), before);
  });

  await test.step("with --json the groups come first, then what prune has to say", async () => {
    const rows = await box.json(["forget", "--keep-last", "2", ...limits]);
    const types = rows.map(({ message_type }) => message_type);
    assert.deepEqual([types[0], types[1], types.at(-1)], ["group", "pack", "summary"]);
    assert.equal(idsOf(rows[0]!["remove"]).length, 2);
    assert.equal(rows.at(-1)!["dryRun"], false);
    assert.ok(await total() < 450_000);
  });

  await test.step("where nothing went nothing is pruned, and that is said", async () => {
    const { stdout, stderr } = await box.agent(["forget", "--keep-last", "2", ...limits]);
    assert.doesNotMatch(stdout, /TO DO/);
    assert.equal(stderr, "Nothing to remove of 2 backups; nothing was pruned\n");
  });

  await test.step("rm and rotate prune, too", async () => {
    const rm = await box.agent(["rm", "a@2026-03-03", ...limits]);
    assert.match(rm.stderr, /^Removed a [0-9a-f]{8} of 2026-.*\nFreed 19\d KiB: /);
    await put("a", "05");
    const rotate = await box.agent(["rotate", "a", "--days", "1", "--weeks", "0", "--months", "0", ...limits]);
    assert.match(rotate.stderr, /^Removed 1 of 2 backups\nFreed 19\d KiB: /);
    assert.ok(await total() < 230_000);
    assert.equal(
      hash("md5", await box.ok(["get", "a", "-o", box.join("out")]).then(() => Deno.readFile(box.join("out")))),
      hash("md5", bytes("a 05")),
    );
    await box.ok(["check", "--read-data"]);
  });

  await test.step("beside a damaged snapshot nothing is removed and pruned: exit code 4 says so", async () => {
    await put("a", "06");
    const [snapshot] = await box.json(["ls"]);
    await put("b", "01");
    await box.replace(box.join("repo", "snapshots", String(snapshot!["snapshot"])), new TextEncoder().encode("junk"));
    await put("a", "07");
    const packs = await box.packs();
    for (const skipping of [[], ["--skip-unreadable"]]) {
      const outcome = await box.agent(["forget", "a", "-q", "--keep-last", "1", ...skipping, ...limits]);
      assertFails(outcome, ExitCode.integrity, /Nothing was removed: .*; Damaged snapshot/);
    }
    assert.deepEqual([await box.packs(), (await box.names("snapshots")).length], [packs, 4]);
  });
});

Deno.test("backups of the future are told of, and do not stand in for real ones", async () => {
  await using box = await sandbox();
  const repository = await box.open();
  for (const [name, time] of [["old", "2026-01-01"], ["real", "2026-01-02"], ["ahead", "2999-01-01"]] as const) {
    await saveBackup(repository, name, { time: `${time}T00:00:00Z` });
  }
  await repository.store.close();
  const quiet = await box.agent(["forget", "-q", "--keep-last", "1"], UTC);
  assert.deepEqual([quiet.exitCode, quiet.stdout], [ExitCode.done, ""]);
  const warning =
    /1 backup claims to have been made in the future \([0-9a-f]{8} of "prod\/shop" on db1 at 2999-01-01 00:00:00 \+00:00\): is a clock wrong/;
  assert.match(quiet.stderr, warning);
  assert.match(quiet.stderr, /^agent: warning: [^\n]+\n$/);
  const listed = await box.json(["ls"]);
  assert.deepEqual(listed.map(({ started }) => String(started).slice(0, 10)), ["2026-01-02", "2999-01-01"]);
  const json = await box.agent(["forget", "--json", "--keep-last", "1"], UTC);
  assert.deepEqual(jsonRows(json.stdout)[0]!["inFuture"], [listed[1]!["id"]]);
  const [told] = jsonRows(json.stderr);
  assert.equal(told!["message_type"], "warning");
  assert.match(String(told!["message"]), warning);
  assertFails(await box.agent(["rm", `@${listed[0]!["id"]}`]), ExitCode.usage, /apart from backups that claim.*future/);
});

Deno.test("many backups on one day are told of, also in a quiet run", async () => {
  await using box = await sandbox();
  const repository = await box.open();
  const DAY_MS = 86_400_000;
  const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  for (const [i, ms] of [today - 3 * DAY_MS, today - 2 * DAY_MS, today - DAY_MS, today - DAY_MS + 1].entries()) {
    await saveBackup(repository, String(i), { time: new Date(ms).toISOString() });
  }
  await repository.store.close();
  const { exitCode, stderr } = await box.agent(["forget", "-q", "--keep-last", "1"]);
  assert.equal(exitCode, ExitCode.done);
  const date = new Date(today - DAY_MS).toISOString().slice(0, 10);
  assert.match(
    stderr,
    new RegExp(
      `^agent: warning: 2 backups of "prod/shop" on db1 came on ${date} \\(UTC\\), more than on any day before \\(1\\): [^\n]+\n$`,
    ),
  );
});

Deno.test("beside a damaged snapshot a policy removes nothing, with exit code 4, unless that is asked for", async () => {
  await using box = await sandbox();
  const ids = await snapshotsOf(box, [["01"], ["02"], ["03"]]);
  const [first] = await box.json(["ls"]);
  await box.replace(box.join("repo", "snapshots", String(first!["snapshot"])), new TextEncoder().encode("junk"));
  assertFails(
    await box.agent(["rm", "prod/shop@latest"]),
    ExitCode.integrity,
    /may mean a snapshot that cannot be read/,
  );
  assert.equal((await box.names("snapshots")).length, 3);
  const byId = await box.agent(["rm", "-n", `@${ids[2]}`]);
  assert.equal(byId.exitCode, ExitCode.done);
  assert.match(byId.stderr, /^Would remove .*\nagent: warning: Damaged snapshot/);
  const way = /^agent: Nothing was removed: .*agent repair snapshots --forget.*--skip-unreadable.*Damaged snapshot/;
  const planned = await box.agent(["forget", "--json", "--keep-last", "1", "--dry-run"]);
  assert.deepEqual(idsOf(jsonRows(planned.stdout)[0]!["remove"]), [ids[1]]);
  assert.equal(planned.exitCode, ExitCode.integrity);
  assertFails(await box.agent(["forget", "--keep-last", "1"]), ExitCode.integrity, way);
  assertFails(await box.agent(["rotate", "prod/shop"]), ExitCode.integrity, way);
  assert.equal((await box.names("snapshots")).length, 3);
  const skipping = await box.agent(["forget", "-q", "--keep-last", "1", "--skip-unreadable"]);
  assert.deepEqual([skipping.exitCode, skipping.stdout], [ExitCode.done, ""]);
  assert.match(skipping.stderr, /^agent: warning: Damaged snapshot .*\n$/);
  assert.equal((await box.names("snapshots")).length, 2);
});
