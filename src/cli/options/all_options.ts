/** The options of a command together with those that were given before its name. */
import type { Command } from "commander";

/** `options` of the command `self`, completed by those of the commands above it, as in `agent -r REPOSITORY ls`. */
export function allOptions<Options extends object>(self: Command, options: Options): Options {
  const { parent } = self;
  return parent === null ? options : { ...allOptions(parent, parent.opts()), ...options };
}
