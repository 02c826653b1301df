/** Makes commands of the command line of those that plugins register. */
import { Command, type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { AgentError, messageOf } from "../../base/errors.ts";
import type { PluginArgument, PluginCommandIo } from "../../library/plugins/plugin_command.ts";
import type { RegisteredCommand } from "../../library/plugins/registrations.ts";
import type { CliContext } from "../context.ts";
import type { Input } from "../terminal/input_output.ts";
import { writeExact, writeLine } from "../terminal/write.ts";

/** A command of a plugin, to be run in `context`. */
export function makePluginCommand({ plugin, command }: RegisteredCommand, context: CliContext): CommandUnknownOpts {
  const { name, description, arguments: given = [], options = [] } = command;
  const specification: CommandUnknownOpts = new Command(name).description(`${description} (plugin "${plugin}")`);
  for (const argument of given) specification.argument(syntaxOf(argument), argument.description);
  const added = options.map(({ name, value, description }) => {
    const option = new Option(value === undefined ? `--${name}` : `--${name} <${value}>`, description);
    specification.addOption(option);
    return [name, option.attributeName()] as const;
  });
  return specification.action(async () => {
    const found: Record<string, unknown> = specification.opts();
    const set = added.filter(([, attribute]) => found[attribute] !== undefined);
    const values = Object.fromEntries(set.map(([name, attribute]) => [name, found[attribute] as string | true]));
    try {
      await command.run({ arguments: specification.args, options: values }, ioOf(context));
    } catch (error) {
      if (error instanceof AgentError || context.signal.aborted) throw error;
      const message = `"agent ${name}" of the plugin "${plugin}" failed: ${messageOf(error)}`;
      throw new AgentError(message, { cause: error });
    }
  });
}

function syntaxOf({ name, isOptional = false, isRepeated = false }: PluginArgument): string {
  const text = isRepeated ? `${name}...` : name;
  return isOptional ? `[${text}]` : `<${text}>`;
}

function ioOf({ stdin, stdout, stderr, env, signal }: CliContext): PluginCommandIo {
  return {
    stdin: streamOf(stdin),
    write: (text) => writeExact(stdout, text),
    writeError: (line) => writeLine(stderr, line),
    env,
    signal,
  };
}

const PIECE_BYTES = 64 * 1024;

/** Nothing is read before somebody asks for it. */
function streamOf(input: Input): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const buffer = new Uint8Array(PIECE_BYTES);
      const count = await input.read(buffer);
      if (count === null) controller.close();
      else controller.enqueue(buffer.subarray(0, count));
    },
  }, { highWaterMark: 0 });
}
