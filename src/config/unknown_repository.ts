/** A repository that a configuration does not name: a folder, or a slip of the pen that must not become a folder. */
import { join } from "node:path";
import { UsageError } from "../base/errors.ts";
import { didYouMean } from "../base/text/nearest_name.ts";
import { namedRepository, type Selection } from "./selection.ts";

/** What is told apart at a glance from a name: a path or a URL, and `.` and `..`. */
const NO_NAME = /[/:]|^\.{0,2}$/;

/**
 * Refuses a text that looks like a name and is that of no repository of the file, unless a folder of that name holds a
 * repository. A file without repositories has no names. Throws `UsageError`, with the nearest name or all of them.
 */
export async function refuseUnknownRepository(selection: Selection, text: string): Promise<void> {
  const { repositories, path } = selection.configuration;
  if (repositories.size === 0 || NO_NAME.test(text) || namedRepository(selection, text) !== undefined) return;
  if (await mayHoldRepository(text)) return;
  const nearest = didYouMean(text, repositories.keys());
  const hint = nearest === ""
    ? `; there are ${[...repositories.keys()].toSorted().join(", ")}; write`
    : `${nearest} Write`;
  throw new UsageError(`There is no repository "${text}" in ${path}${hint} ./${text} for a folder`);
}

/** Whether a folder holds a repository, or cannot be looked into, so that its store will say why. */
async function mayHoldRepository(folder: string): Promise<boolean> {
  try {
    await Deno.stat(join(folder, "config"));
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory);
  }
}
