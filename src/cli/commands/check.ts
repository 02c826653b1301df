/** `agent check`: is the repository what it should be? */
import { Command } from "commander";
import type { CliContext } from "../context.ts";
export function checkCommand(_context: CliContext): Command {
  return new Command("check");
}
