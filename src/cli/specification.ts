/** Specifications of commands, from which the types of their option values follow. */
import type { Command, CommandUnknownOpts, OptionValues } from "@commander-js/extra-typings";

/** A command that only carries options, for several commands to share. */
type OptionGroup<Options extends OptionValues> = Command<[], Options>;

type Specified = { opts(): OptionValues };
type Specification = (...args: never[]) => Specified;

/** The types of the option values of a group, or of the command that a function specifies. */
export type OptionsOf<Source extends Specified | Specification> = Source extends Specification
  ? OptionsOf<ReturnType<Source>>
  : Source extends { opts(): infer Options } ? Readonly<Options>
  : never;

/**
 * `command` with the options of `group` added, in its help and in its type. The option objects are shared, with their
 * headings.
 */
export function withOptions<Args extends unknown[], Own extends OptionValues, Shared extends OptionValues>(
  command: Command<Args, Own>,
  group: OptionGroup<Shared>,
): Command<Args, Own & Shared> {
  for (const option of group.options) command.addOption(option);
  return command as unknown as Command<Args, Own & Shared>;
}

/** `options` of the command `self`, completed by those of its parent commands, as in `agent -r REPOSITORY ls`. */
export function allOptions<Options extends OptionValues>(self: CommandUnknownOpts, options: Options): Options {
  const { parent } = self;
  return parent === null ? options : { ...allOptions(parent, parent.opts()), ...options };
}
