/**
 * A year of hourly to yearly runs in simulated time, with sources and stores that fail, power cuts, a clock that runs
 * ahead and is set back, retention after each run and a prune every week: what is kept is what the policy says, and
 * restores to its own bytes.
 *
 * - `STRESS_HOURS`: how many hours the year has; all of them are 8760.
 * - `STRESS_SEED`: what goes wrong when.
 * - `STRESS_REPORT`: a file that is told every week what came to pass.
 */
import { systemRandomBytes } from "../../src/crypto/random.ts";
import { initRepository } from "../../src/repository/repository.ts";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import { Sandbox } from "../helpers/executable.ts";
import { findProgram } from "../helpers/programs.ts";
import { Restic } from "../helpers/restic.ts";
import { CHEAP_KDF, fakeWorld, PASSWORD } from "../helpers/world.ts";
import { QUICK_FOLDER } from "../store/local_fixture.ts";
import { report, stressSeed, stressSize, stressTimeout } from "../helpers/stress_size.ts";
import { Year } from "./year.ts";

const HOURS = stressSize("STRESS_HOURS", 200);
const SEED = stressSeed("year");
const HOURS_OF_WEEK = 7 * 24;

/** From the one hour to the other the clocks are ahead by so much. */
const AHEAD = { from: Math.floor(HOURS * 0.4), to: Math.floor(HOURS * 0.6), ms: 36.5 * 3_600_000 };

Deno.test(
  "a year of runs: what is kept is what the policy says, and all of it restores",
  stressTimeout("STRESS_HOURS"),
  async () => {
    await using box = new Sandbox(await Deno.makeTempDir({ prefix: "agent-year-", dir: QUICK_FOLDER }));
    const world = fakeWorld(SEED);
    const store = openLocalStore(box.repo, { random: systemRandomBytes });
    await initRepository(store, PASSWORD, { ...world, kdf: CHEAP_KDF });
    const year = new Year(store, world, SEED);
    for (let hour = 1; hour <= HOURS; hour++) {
      if (hour === AHEAD.from) year.putClockForward(AHEAD.ms);
      if (hour === AHEAD.to) year.setClockBack(AHEAD.ms);
      await year.hour();
      if (hour % HOURS_OF_WEEK !== 0) continue;
      await year.endOfWeek();
      await report(`hour ${hour}: ${JSON.stringify(year.tally)}`);
    }
    await year.end();
    await report(`the end: ${JSON.stringify(year.tally)}`);
    await assertResticFindsNoError(box, year);
  },
);

async function assertResticFindsNoError(box: Sandbox, year: Year): Promise<void> {
  const program = findProgram("restic");
  if (program === undefined) return;
  await box.file("password", PASSWORD);
  const restic = await Restic.in(box, program);
  await restic.check();
  for (const { id, path, md5 } of year.ends()) {
    const found = await restic.md5(id, path);
    if (found !== md5) throw new Error(`restic dump ${id} ${path} gave ${found} where ${md5} was backed up`);
  }
}
