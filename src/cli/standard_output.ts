/** Standard output as the destination of a stream. */
import { AgentError } from "../base/errors.ts";
import type { Output } from "./terminal/input_output.ts";

/** Whether a path that a user gives for output is another name of standard output. */
export function isStandardOutput(path: string): boolean {
  return path === "-" || /^\/(dev\/stdout|dev\/fd\/1|proc\/self\/fd\/1)$/.test(path);
}

/** Writes to standard output. Throws `AgentError` if its reader went away early. */
export async function writeToReader(stdout: Output, bytes: Uint8Array): Promise<void> {
  await stdout.write(bytes);
  if (stdout.isClosed?.()) {
    throw new AgentError("The reader of standard output went away before everything was written");
  }
}
