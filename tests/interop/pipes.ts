/** Pipes into and out of the agent, as people write them in a shell. */
import { deepEqual, equal, match } from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import type { JsonRow, Sandbox } from "../helpers/executable.ts";

/** Runs a script to its end, in which every program of a pipe has to succeed; gives its output. */
export async function succeed(box: Sandbox, script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await box.shell(`set -e -o pipefail\n${script}`);
  equal(exitCode, 0, `${script}\n${stderr}`);
  return stdout;
}

/** Puts a script's output, which has to succeed; gives the summary. */
export async function putOf(box: Sandbox, script: string, series: string): Promise<JsonRow> {
  return JSON.parse(await succeed(box, `${script} | "$AGENT" put ${series} --json`));
}

/** A script that ends in a put, which has to refuse its stream and leave the list of backups as it was. */
export async function assertRefused(box: Sandbox, script: string): Promise<void> {
  const before = await box.json(["ls"]);
  const { exitCode, stdout, stderr } = await box.shell(script);
  deepEqual([exitCode, stdout], [ExitCode.source, ""], `${script}\n${stderr}`);
  match(stderr, /not whole/);
  deepEqual(await box.json(["ls"]), before);
}

/** What the guard said of the only stream of a put. */
export function guardOf(summary: JsonRow): unknown {
  return (summary.files as { guard: unknown }[])[0]!.guard;
}
