/** Says that values under keys were left out, since no series was named. */
import type { CliContext } from "../context.ts";
import { formatCount, writeJson, writeLine } from "../terminal/write.ts";
import { leftOutJson } from "./json/left_out_json.ts";

/** How it is said. */
interface LeftOutStyle {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Writes a line to standard error, or an object with `json`; nothing if no keys were left out. */
export async function tellLeftOutKeys(
  keys: number,
  { json = false, quiet = false }: LeftOutStyle,
  { stdout, stderr }: Pick<CliContext, "stdout" | "stderr">,
): Promise<void> {
  if (keys === 0) return;
  if (json) await writeJson(stdout, leftOutJson(keys));
  else if (!quiet) {
    await writeLine(stderr, `Left out, as no series was named: the values of ${formatCount(keys, "key")}`);
  }
}
