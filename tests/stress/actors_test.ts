/**
 * Two agents and a restic, which wait for each other's locks and are killed now and then, on one repository: whenever they
 * pause it is sound, and every backup that was acknowledged or seen, and that its own program was not asked to forget,
 * restores to its own bytes.
 *
 * - `STRESS_ROUNDS`: how many pauses there are; before each of them everybody runs a few commands.
 * - `STRESS_SEED`: what they do; how that falls together depends on the machine.
 * - `STRESS_REPORT`: a file that is told how many commands were killed.
 */
import { sandbox } from "../helpers/executable.ts";
import { findProgram } from "../helpers/programs.ts";
import { Restic } from "../helpers/restic.ts";
import { Actor, agentProgram, resticProgram } from "./actors.ts";
import { report, stressSeed, stressSize, stressTimeout } from "../helpers/stress_size.ts";

const ROUNDS = stressSize("STRESS_ROUNDS", 1);
const SEED = stressSeed("actors");
const COMMANDS_A_ROUND = 3;

Deno.test(
  "two agents and a restic at once, killed now and then: sound, and every backup restores",
  stressTimeout("STRESS_ROUNDS"),
  async () => {
    await using box = await sandbox();
    const actors = [
      new Actor("left", agentProgram(box, "left"), SEED),
      new Actor("right", agentProgram(box, "right"), SEED),
    ];
    const program = findProgram("restic-newest");
    const restic = program === undefined ? undefined : await Restic.in(box, program);
    if (restic) actors.push(new Actor("restic", resticProgram(restic, "stream"), SEED));
    for (let round = 1; round <= ROUNDS; round++) {
      await everyoneSettled(actors.map((actor) => actor.act(COMMANDS_A_ROUND)));
      await box.ok(["check", "-q"]);
      await restic?.ok(["check", ...(round === ROUNDS ? ["--read-data"] : [])]);
      for (const actor of actors) await actor.assertRestores();
      await report(`round ${round}: ${JSON.stringify(actors.map(({ tally }) => tally))}`);
    }
  },
);

/** Waits for all, whatever becomes of them, and throws the first failure. */
async function everyoneSettled(acting: readonly Promise<void>[]): Promise<void> {
  const failures = (await Promise.allSettled(acting)).filter((result) => result.status === "rejected");
  if (failures.length > 0) throw failures[0]!.reason;
}
