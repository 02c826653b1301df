/** The run of `agent verify --restore`: a restore on trial, and its report. */
import { AgentError, IntegrityError, UsageError } from "../base/errors.ts";
import { shortId } from "../base/id.ts";
import { formatDuration } from "../base/text/duration.ts";
import { withoutCache } from "../ops/access.ts";
import type { RepositoryAccess } from "../ops/access.ts";
import { type QueryCheck, type RestoreReport, verifyRestore } from "../ops/restore/verify_restore.ts";
import { parseValueExpectation } from "../policy/query_check.ts";
import type { CliContext } from "./context.ts";
import { restoreTestJson } from "./report/json/restore_test_json.ts";
import { rowsText } from "./report/restored_backup.ts";
import { withProgress } from "./report/progress.ts";
import { StreamCounter } from "./report/stream_counter.ts";
import { writeNote, writeWarning } from "./report/warning.ts";
import { formatCount, writeJson, writeLine } from "./terminal/write.ts";

/** The options of a restore on trial. */
interface VerifyRestoreOptions {
  readonly restore: string;
  readonly query?: readonly string[] | undefined;
  readonly expect?: readonly string[] | undefined;
  readonly database?: string | undefined;
  readonly lock: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Pairs each query with what it has to give. Throws `UsageError` if their numbers differ. */
function queryChecks(queries: readonly string[] = [], expected: readonly string[] = []): QueryCheck[] {
  if (queries.length !== expected.length) {
    throw new UsageError(
      `Each --query needs one --expect, such as --query 'SELECT count(*) FROM orders' --expect '>1000': there are ` +
        `${queries.length} and ${expected.length}`,
    );
  }
  return queries.map((sql, i) => ({ sql, expected: parseValueExpectation(expected[i]!) }));
}

/**
 * Restores a backup on trial and reports it. Throws `IntegrityError` if the backup is bad, and what `verifyRestore`
 * throws if that could not be tried.
 */
export async function runVerifyRestore(
  selector: string,
  access: RepositoryAccess,
  options: VerifyRestoreOptions,
  context: CliContext,
): Promise<void> {
  const { world, signal, engines, clientMachine } = context;
  if (clientMachine === undefined) throw new AgentError("Restores on trial cannot be made here");
  const queries = queryChecks(options.query, options.expect);
  let made: RestoreReport | undefined;
  await withProgress({ command: "verify", name: selector }, options, context, async (progress) => {
    const streams = new StreamCounter(progress);
    const request = {
      selector,
      place: options.restore,
      queries,
      database: options.database ?? null,
      noLock: !options.lock,
    };
    const tools = { world, signal, engines: await engines(), machine: clientMachine, onProgress: streams.take };
    made = await verifyRestore(withoutCache(access), request, tools);
  });
  const report = made!;
  if (options.json) await writeJson(context.stdout, restoreTestJson(report));
  else await tell(report, options, context);
  if (report.problems.length === 0) return;
  const more = report.problems.length === 1 ? "" : ` and ${formatCount(report.problems.length - 1, "more problem")}`;
  const which = `${report.series}@${shortId(report.id)}`;
  throw new IntegrityError(
    `The backup ${which} did not pass its restore: ${report.problems[0]}${more}; see whether an older one does`,
  );
}

async function tell(
  report: RestoreReport,
  { quiet, restore, lock }: VerifyRestoreOptions,
  { stdout, stderr }: CliContext,
): Promise<void> {
  const { tables, problems, notes, queries, server, series, id, tookMs } = report;
  for (const problem of problems.slice(1, 20)) await writeWarning(problem, {}, stderr);
  if (quiet) return;
  for (const { name, rows } of tables) await writeLine(stdout, `${name}: ${rowsText(rows)}`);
  for (const { sql, value } of queries) await writeLine(stdout, `${sql}: ${value ?? "no row"}`);
  for (const note of notes) await writeNote(note, stderr);
  if (!lock) await writeNote("The verdict was not kept, because of --no-lock", stderr);
  if (restore !== "scratch") await writeNote("What was restored stays where it is: remove it yourself", stderr);
  if (problems.length > 0) return;
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  await writeLine(
    stdout,
    `OK ${series}@${shortId(id)}: restored into ${server} in ${formatDuration(tookMs)}, ${
      formatCount(tables.length, "table")
    }, ${rowsText(rows)}`,
  );
}
