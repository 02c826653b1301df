/**
 * One table on its way into PostgreSQL: a psql that reads its rows from standard input, and statements from files, as
 * they may be long. Standard input also ends when this process dies, so the end of the transaction is in a file that is
 * written only once all rows were.
 */
import type { Child } from "../../child.ts";
import type { PrivateFolder } from "../../client/private_folder.ts";
import { placeOf } from "../../postgresql/postgresql_address.ts";
import type { PostgresqlClient } from "../../postgresql/postgresql_client.ts";
import { reasonIn } from "../../postgresql/remarks.ts";
import type { TakeWords } from "../../words.ts";
import type { LoadPlan } from "./load_plan.ts";
import { commands, PSQL, script } from "./session.ts";

/** What a load is run with. */
interface LoadRun {
  readonly client: PostgresqlClient;
  readonly folder: PrivateFolder;
  /** What tells its files from those of other loads. */
  readonly name: string;
  readonly onStderr: TakeWords | undefined;
}

/** A load. It begins when the first rows come, or at its end. */
export class RunningLoad {
  readonly #plan: () => Promise<LoadPlan | { readonly problem: string }>;
  readonly #run: LoadRun;
  #started: Promise<Child | null> | undefined;
  #problem: string | undefined;
  #isCancelled = false;

  constructor(plan: () => Promise<LoadPlan | { readonly problem: string }>, run: LoadRun) {
    this.#plan = plan;
    this.#run = run;
  }

  /** Takes rows. What comes after a failure is dropped. */
  async write(bytes: Uint8Array): Promise<void> {
    const child = await this.#child();
    // The memory may be shared, and change.
    await child?.write(new Uint8Array(bytes));
  }

  /** Ends the transaction. Returns why it failed; null if the table is there. */
  async end(): Promise<string | null> {
    // A psql that gets no rows waits for nothing, so the file must be there before it begins.
    const hasBegun = this.#started !== undefined;
    if (!hasBegun) await this.#permitCommit();
    const child = await this.#child();
    if (child === null) return this.#problem ?? "the load was stopped";
    if (hasBegun) await this.#permitCommit();
    await child.closeInput();
    const { success } = await child.exit();
    const reason = reasonIn(child.lastLines, placeOf(this.#run.client.address));
    await child.stop();
    return success && !this.#isCancelled ? null : reason;
  }

  /** Ends it. What was not committed is rolled back by the server. */
  async cancel(): Promise<void> {
    this.#isCancelled = true;
    const child = await this.#started?.catch(() => null);
    await child?.stop();
  }

  async #permitCommit(): Promise<void> {
    await this.#run.folder.write(`${this.#run.name}-commit.sql`, "COMMIT;\n");
  }

  #child(): Promise<Child | null> {
    return this.#started ??= this.#start();
  }

  async #start(): Promise<Child | null> {
    const plan = await this.#plan();
    if ("problem" in plan) {
      this.#problem = plan.problem;
      return null;
    }
    if (this.#isCancelled) return null;
    const { client, folder, name, onStderr } = this.#run;
    const args = [
      ...PSQL,
      "--output=/dev/null",
      `--file=${await folder.write(`${name}-before.sql`, script(plan.before))}`,
      ...commands([plan.copy]),
      `--file=${await folder.write(`${name}-after.sql`, script(plan.after))}`,
      `--file=${folder.path}/${name}-commit.sql`,
    ];
    return client.start(client.psql, args, { stdin: "piped", stderr: { take: onStderr } });
  }
}
