/** Answers that are tried before they count. */
import { AgentError, InterruptedError, UsageError } from "../../base/errors.ts";
import type { Prompter } from "../terminal/prompter.ts";

/** The result of `work`; undefined if it failed, which is told. Throws `InterruptedError`, and what is no `AgentError`. */
export async function tried<Result>(prompter: Prompter, work: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof InterruptedError || !(error instanceof AgentError)) throw error;
    prompter.complain(error.message);
    return undefined;
  }
}

/** What `parse` finds wrong; undefined if nothing is. */
export function problemOf(parse: () => unknown): string | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
}
