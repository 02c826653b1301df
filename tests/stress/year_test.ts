/**
 * A year of hourly to yearly runs in simulated time, with failures, retention after each run and a prune every week: what
 * is kept is what the policy says, and restores to its own bytes.
 *
 * `STRESS_RUNS` sets how many hours the year has; all of them are 8760.
 */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { SourceError } from "../../src/base/errors.ts";
import { RUN_TYPES, type RunType } from "../../src/base/run_type.ts";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import { forget } from "../../src/ops/forget.ts";
import { prune } from "../../src/ops/prune.ts";
import type { RetentionRequest } from "../../src/ops/forget.ts";
import { DEFAULT_PRUNE_LIMITS } from "../../src/repository/prune_plan.ts";
import { initRepository } from "../../src/repository/repository.ts";
import { openLocalStore } from "../../src/store/local.ts";
import { emptySandbox } from "../helpers/executable.ts";
import { findProgram } from "../helpers/programs.ts";
import { Restic } from "../helpers/restic.ts";
import {
  accessTo,
  BytesSource,
  CHEAP_KDF,
  fakeWorld,
  noise,
  PASSWORD,
  putBytes,
  readAllBackups,
} from "../helpers/world.ts";

const RUNS = Number(Deno.env.get("STRESS_RUNS") ?? 120);
const HOUR_MS = 3_600_000;
const HOURS_OF_WEEK = 7 * 24;
const KEPT: Readonly<Record<RunType, number>> = { hourly: 24, daily: 7, weekly: 4, monthly: 12, yearly: 3 };
const FAILURES_PER_HUNDRED = 5;

const RETENTION: RetentionRequest = {
  kind: "policy",
  rules: { runTypes: new Map(RUN_TYPES.map((type) => [type, KEPT[type]])) },
  filter: { series: ["prod/shop"] },
};

Deno.test("a year of runs: what is kept is what the policy says, and all of it restores", async () => {
  await using box = await emptySandbox();
  const world = fakeWorld("year");
  const store = openLocalStore(box.repo, { random: systemRandomBytes });
  await initRepository(store, PASSWORD, { ...world, kdf: CHEAP_KDF });
  const access = accessTo(store);
  const md5ById = new Map<string, string>();
  const madeByType = new Map<RunType, number>();
  let stream = noise(60_000, "first");
  for (let run = 0; run < RUNS; run++) {
    world.clock.jump(HOUR_MS);
    stream = changed(stream, run);
    const runType = runTypeOf(world.clock.now());
    if (fails(run)) {
      const source = Object.assign(new BytesSource(stream), {
        ended: () => Promise.reject(new SourceError("it died")),
      });
      await assert.rejects(putBytes(access, world, stream, { runType, source }), SourceError);
    } else {
      const { backup } = await putBytes(access, world, stream, { runType, levelRules: { fullBackup: "daily" } });
      md5ById.set(backup.id, hash("md5", stream));
      madeByType.set(runType, (madeByType.get(runType) ?? 0) + 1);
      await forget(access, RETENTION, world);
    }
    if (run % HOURS_OF_WEEK === HOURS_OF_WEEK - 1 || run === RUNS - 1) {
      await prune(access, world, { limits: DEFAULT_PRUNE_LIMITS, dryRun: false, signal: new AbortController().signal });
      await assertKept();
    }
  }
  await assertResticFindsNoError();

  /** Of each run type as many as the policy keeps, each with its own bytes. */
  async function assertKept(): Promise<void> {
    const keptByType = new Map<string, number>();
    for (const { backup, bytes } of await readAllBackups(store, world)) {
      assert.equal(hash("md5", bytes), md5ById.get(backup.id), `backup ${backup.id} of ${backup.started}`);
      const type = String(backup.info!.runType);
      keptByType.set(type, (keptByType.get(type) ?? 0) + 1);
    }
    for (const [type, made] of madeByType) assert.equal(keptByType.get(type), Math.min(made, KEPT[type]), type);
  }

  async function assertResticFindsNoError(): Promise<void> {
    const program = findProgram("restic");
    if (program === undefined) return;
    await box.file("password", PASSWORD);
    await (await Restic.in(box, program)).ok(["check", "--read-data"]);
  }
});

/** The longest run type that begins with this hour. */
function runTypeOf(time: Date): RunType {
  if (time.getUTCHours() !== 0) return "hourly";
  if (time.getUTCDate() === 1) return time.getUTCMonth() === 0 ? "yearly" : "monthly";
  return time.getUTCDay() === 0 ? "weekly" : "daily";
}

function fails(run: number): boolean {
  return noise(1, `failure ${run}`)[0]! % 100 < FAILURES_PER_HUNDRED;
}

/** What an hour does to a database: a few bytes here and there, a few more at the end. */
function changed(stream: Uint8Array<ArrayBuffer>, run: number): Uint8Array<ArrayBuffer> {
  const grown = new Uint8Array(stream.length + 7);
  grown.set(stream);
  grown.set(noise(7, `tail ${run}`), stream.length);
  grown[(run * 7919) % stream.length]! ^= 0x55;
  return grown;
}
