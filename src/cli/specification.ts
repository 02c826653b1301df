/** Commands whose options and the types of their values are one thing. */
import type { Command, CommandUnknownOpts, OptionValues } from "@commander-js/extra-typings";

/** A command of which only the options count: several commands have them in common. */
type OptionGroup<Options extends OptionValues> = Command<[], Options>;

type Specified = { opts(): OptionValues };
type Specification = (...args: never[]) => Specified;

/** The values of the options of a group, or of the command that a function specifies. */
export type OptionsOf<Source extends Specified | Specification> = Source extends Specification
  ? OptionsOf<ReturnType<Source>>
  : Source extends { opts(): infer Options } ? Readonly<Options>
  : never;

/** `command` with the options of `group`, too: in its help, and in its type. The two share them, with their headings. */
export function withOptions<Args extends unknown[], Own extends OptionValues, Shared extends OptionValues>(
  command: Command<Args, Own>,
  group: OptionGroup<Shared>,
): Command<Args, Own & Shared> {
  for (const option of group.options) command.addOption(option);
  return command as unknown as Command<Args, Own & Shared>;
}

/** `options` of the command `self`, completed by those of the commands above it, as in `agent -r REPOSITORY ls`. */
export function allOptions<Options extends OptionValues>(self: CommandUnknownOpts, options: Options): Options {
  const { parent } = self;
  return parent === null ? options : { ...allOptions(parent, parent.opts()), ...options };
}
