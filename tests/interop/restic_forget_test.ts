/** The same snapshots and the same flags: what `agent forget` keeps, and why, is what restic keeps. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { hash } from "node:crypto";
import { ExitCode } from "../../src/base/errors.ts";
import { mapConcurrently } from "../../src/base/concurrency.ts";
import type { BlobId } from "../../src/base/id.ts";
import { parseTimestamp } from "../../src/format/time.ts";
import type { UnlockedRepository } from "../../src/repository/repository.ts";
import { loadSnapshots } from "../../src/repository/snapshots.ts";
import { saveSnapshot } from "../helpers/snapshots.ts";
import { runAgentHere } from "../helpers/agent_here.ts";
import { runInProcess } from "../helpers/command_line.ts";
import { type JsonRow, jsonRows, type Sandbox, sandbox } from "../helpers/executable.ts";
import { everyResticTest, Restic } from "../helpers/restic.ts";
import { noise } from "../helpers/world.ts";

runAgentHere();

const RUNS_AT_ONCE = 3;
const GENERATED_CASES = 48;

/** A snapshot, as far as retention looks at it. */
interface Shape {
  readonly time: string;
  readonly host?: string;
  readonly paths?: readonly string[];
  readonly tags?: readonly string[];
}

/** Numbers that are the same in every run. */
class Dice {
  readonly #seed: string;
  #rolls = 0;

  constructor(seed: string) {
    this.#seed = seed;
  }

  /** A whole number from 0 to `sides` - 1. */
  roll(sides: number): number {
    return parseInt(hash("md5", `${this.#seed}#${this.#rolls++}`).slice(0, 8), 16) % sides;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.roll(choices.length)]!;
  }

  chance(percent: number): boolean {
    return this.roll(100) < percent;
  }
}

const HOSTS = ["db1", "db2"];
const PATHS = [["/prod/shop"], ["/prod/shop"], ["/etc", "/home"], ["/home", "/etc"]];
const TAGS = [[], [], ["nightly"], ["nightly", "keep"], ["keep", "nightly"], ["keep"]];
const ZONES = ["Z", "+02:00", "-08:00", "+05:30", "+14:00", "-11:00"];

/** Ends and beginnings of years, months and weeks, and leap days. None is of the future, which restic counts as any other. */
const SPECIAL: readonly Shape[] = [
  { time: "2020-12-28T00:00:00Z" },
  { time: "2020-12-27T23:59:59.999999999Z" },
  { time: "2020-12-31T23:30:00-08:00" },
  { time: "2021-01-01T00:30:00+14:00" },
  { time: "2021-01-03T23:59:59Z" },
  { time: "2021-01-04T00:00:00Z" },
  { time: "2024-02-29T12:00:00Z" },
  { time: "2024-03-31T12:00:00.000000001+02:00" },
  { time: "2023-03-31T12:00:00.5Z", host: "edge" },
  { time: "2023-03-03T12:00:00.500000001Z", host: "edge" },
  { time: "2023-03-03T12:00:00.5Z", host: "edge" },
];

/** Snapshots that lie close together at times and far apart at others, each at a time of its own. */
function generatedShapes(dice: Dice): Shape[] {
  const shapes = SPECIAL.map((shape) => ({ host: "db1", paths: ["/prod/shop"], ...shape }));
  let local = Date.UTC(2021, 5, 1);
  for (let i = 0; i < 90; i++) {
    local += dice.pick([1, 7, 29, 61, 24 * 60, 25 * 60, 7 * 24 * 60, 40 * 24 * 60]) * 60_000 + dice.roll(1000);
    const time = `${new Date(local).toISOString().slice(0, -1)}${dice.pick(ZONES)}`;
    shapes.push({ time, host: dice.pick(HOSTS), paths: dice.pick(PATHS), tags: dice.pick(TAGS) });
  }
  return shapes;
}

const COUNTS = ["1", "2", "3", "5", "8", "30", "0"];
const SPANS = ["3h", "1d", "2d12h", "7d", "1m", "5m7d", "1y", "2y5m7d3h", "99999y", "0d"];
const UNITS = ["hourly", "daily", "weekly", "monthly", "yearly"];

function generatedFlags(dice: Dice): string[] {
  const flags: string[] = [];
  for (const rule of ["last", ...UNITS]) if (dice.chance(25)) flags.push(`--keep-${rule}`, dice.pick(COUNTS));
  for (const unit of UNITS) if (dice.chance(12)) flags.push(`--keep-within-${unit}`, dice.pick(SPANS));
  if (dice.chance(20)) flags.push("--keep-within", dice.pick(SPANS));
  if (dice.chance(20)) flags.push("--keep-tag", dice.pick(["nightly", "nightly,keep", "", "nothing"]));
  if (dice.chance(10)) flags.push("--keep-tag", "keep");
  if (!flags.some((flag, i) => /^--keep/.test(flag) && !/^0d?$/.test(flags[i + 1]!))) flags.push("--keep-last", "2");
  if (dice.chance(15)) flags.push("--host", dice.pick(HOSTS));
  if (dice.chance(15)) flags.push("--tag", dice.pick(["nightly", "keep,nightly", ""]));
  if (dice.chance(10)) flags.push("--tag", "keep");
  if (dice.chance(10)) flags.push("--path", dice.pick(["/etc", "/prod/shop"]));
  if (dice.chance(30)) {
    flags.push("--group-by", dice.pick(["", "host", "tags", "paths", "host,paths,tags", "host,tags"]));
  }
  return flags;
}

/** Flag sets that say by name what they are about. */
const CASES: readonly (readonly string[])[] = [
  ["--keep-last", "1"],
  ["--keep-daily", "400"],
  ["--keep-weekly", "3", "--path", "/prod/shop", "--host", "db1"],
  ["--keep-yearly", "2"],
  ["--keep-yearly", "50", "--group-by", ""],
  ["-l", "2", "-H", "3", "-d", "3", "-w", "3", "-m", "3", "-y", "3"],
  ["--keep-within", "1y1m1d1h"],
  ["--keep-within", "1m", "--group-by", "host"],
  ["--keep-within", "1m", "--host", "edge"],
  ["--keep-within-daily", "99999y", "--keep-within-yearly", "1y"],
  ["--keep-tag", "nothing"],
  ["--keep-tag", "keep", "--keep-tag", "nightly", "--keep-last", "1"],
  ["--keep-tag", ",keep", "--keep-last", "1"],
  ["--tag", "nightly", "--tag", "keep", "--keep-last", "1"],
  ["--path", "/etc", "--path", "/home", "--keep-monthly", "4"],
  ["--keep-last", "1", "--group-by", "host,tags"],
];

async function saveAll({ files }: UnlockedRepository, shapes: readonly Shape[]): Promise<void> {
  await mapConcurrently(shapes, 8, ({ time, host = "db1", paths = ["/prod/shop"], tags = [] }) =>
    saveSnapshot(files, {
      time: parseTimestamp(time, "a shape"),
      parent: null,
      tree: noise(32, "tree").toHex() as BlobId,
      paths,
      hostname: host,
      username: "dba",
      uid: 0,
      gid: 0,
      excludes: [],
      tags,
      original: null,
      programVersion: "agent test",
      summary: null,
      agent: null,
    }));
}

/** What one program says of one group. */
interface Choice {
  readonly key: string;
  readonly keep: readonly string[];
  readonly remove: readonly string[];
  readonly matches: readonly (readonly string[])[];
}

/** `agent forget` in this process. */
async function agentForget(
  box: Pick<Sandbox, "repo" | "join">,
  flags: readonly string[],
): Promise<{ exitCode: number; groups: JsonRow[] }> {
  const env = { AGENT_REPOSITORY: box.repo, AGENT_PASSWORD_FILE: box.join("password") };
  const { exitCode, stdout } = await runInProcess(["forget", "--json", ...flags], { env });
  return { exitCode, groups: jsonRows(stdout) };
}

interface JsonGroup {
  readonly tags: readonly string[] | null;
  readonly host: string | null;
  readonly paths: readonly string[] | null;
  readonly keep: readonly { readonly id: string }[] | null;
  readonly remove: readonly { readonly id: string }[] | null;
  readonly reasons: readonly { readonly matches: readonly string[] }[] | null;
}

/** The groups of either program, sorted; restic writes null for an empty list and "" for a host that does not matter. */
function choicesOf(groups: readonly JsonGroup[]): Choice[] {
  return groups.map(({ tags, host, paths, keep, remove, reasons }) => ({
    key: JSON.stringify([host ?? "", paths ?? [], tags ?? []]),
    keep: (keep ?? []).map(({ id }) => id),
    remove: (remove ?? []).map(({ id }) => id),
    matches: (reasons ?? []).map(({ matches }) => matches),
  })).sort((a, b) => a.key < b.key ? -1 : 1);
}

/** Before 0.16 a count that was left over did not keep the oldest snapshot. */
function withoutOldest({ key, keep, remove, matches }: Choice): Choice {
  const others = matches.map((reasons) => reasons.filter((reason) => !reason.startsWith("oldest ")));
  const isKept = (_: unknown, i: number) => others[i]!.length > 0;
  return {
    key,
    keep: keep.filter(isKept),
    remove: [...remove, ...keep.filter((_, i) => others[i]!.length === 0)],
    matches: others.filter((reasons) => reasons.length > 0),
  };
}

/** Groups that nothing is kept of are refused by newer versions, all together. */
async function compare(box: Sandbox, restic: Restic, flags: readonly string[]): Promise<"same" | "refused"> {
  const what = `${restic.minor}: ${flags.map((flag) => flag === "" ? '""' : flag).join(" ")}`;
  const said = await restic.attempt(["forget", "--dry-run", "--json", "--no-lock", ...flags], { env: { TZ: "UTC" } });
  if (said.exitCode !== 0) {
    ok(/refusing to delete last snapshot/.test(said.stderr + said.stdout), `${what}: ${said.stderr}`);
    equal((await agentForget(box, ["--dry-run", ...flags])).exitCode, ExitCode.usage, what);
    return "refused";
  }
  const theirs = choicesOf((JSON.parse(said.stdout || "[]") ?? []) as JsonGroup[]);
  const answer = await agentForget(box, ["--dry-run", "--allow-last", ...flags]);
  equal(answer.exitCode, ExitCode.done, what);
  const ours = choicesOf(answer.groups as unknown as JsonGroup[]);
  deepEqual(restic.minor < 16 ? ours.map(withoutOldest) : ours, theirs, what);
  return "same";
}

everyResticTest("forget keeps what restic keeps, for the same reasons", async (program) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  await saveAll(await box.open(), generatedShapes(new Dice("snapshots")));
  const dice = new Dice("flags");
  const flagSets = [...CASES, ...Array.from({ length: GENERATED_CASES }, () => generatedFlags(dice))];
  const verdicts = await mapConcurrently(flagSets, RUNS_AT_ONCE, (flags) => compare(box, restic, flags));
  const same = verdicts.filter((verdict) => verdict === "same").length;
  ok(same > GENERATED_CASES, `only ${same} comparisons`);
  ok(restic.minor < 16 || same < verdicts.length, "one case at least is refused");
  // Where restic finds nothing to do we take the host for mistyped.
  const nowhere = ["--host", "nowhere", "--keep-last", "1"];
  equal((await restic.attempt(["forget", "--dry-run", "--no-lock", ...nowhere])).exitCode, 0);
  equal((await agentForget(box, nowhere)).exitCode, ExitCode.usage);
});

everyResticTest("what forget leaves is what restic leaves, and restic removes by the same ids", async (program) => {
  await using ours = await sandbox();
  await using theirs = await sandbox();
  await saveAll(await ours.open(), generatedShapes(new Dice("snapshots")));
  const restic = await Restic.in(theirs, program);
  for (const name of ["config", "keys", "snapshots"]) {
    await theirs.shell(`rm -rf "$1/$2" && cp -r "$3/$2" "$1/$2"`, theirs.repo, name, ours.repo);
  }
  const left = (box: Sandbox) => box.names("snapshots");
  const flags = ["--keep-monthly", "1", "--keep-within-daily", "1m", "--keep-tag", "keep"];
  // By time: which ones lie first by their ids is a matter of chance.
  const [first, second] = (await loadSnapshots((await ours.open()).files)).snapshots.map(({ id }) => id);
  for (const args of [[first!.slice(0, 12), second!], ["--keep-last", "30"], flags]) {
    equal((await agentForget(ours, [...args, "--allow-last"])).exitCode, ExitCode.done);
    await restic.ok(["forget", ...args], { env: { TZ: "UTC" } });
    deepEqual(await left(ours), await left(theirs), args.join(" "));
  }
  ok(!(await left(ours)).includes(first!));
});
