/**
 * The commands, in the order of the help. Each is a module that is loaded only for command lines that may name it: one
 * command needs a fraction of the program, and every start would pay for the rest.
 */
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import type { TakesBytes } from "./byte_arguments.ts";
import type { CliContext } from "./context.ts";

/** A command that can be run in a context, and which of its arguments need not be UTF-8; absent if all must be. */
export interface LoadedCommand {
  readonly make: (context: CliContext) => CommandUnknownOpts;
  readonly bytes?: TakesBytes;
  /** Whether no help shows it, because only scripts call it. */
  readonly isHidden?: boolean;
}

const COMMANDS: Readonly<Record<string, () => Promise<LoadedCommand>>> = {
  init: async () => ({ make: (await import("./commands/init.ts")).initCommand }),
  put: async () => ({
    make: (await import("./commands/put.ts")).putCommand,
    bytes: (await import("./options/put_paths.ts")).PATH_BYTES,
  }),
  backup: async () => ({
    make: (await import("./commands/backup.ts")).backupCommand,
    bytes: { argumentsFrom: 0, options: (await import("./options/put_paths.ts")).PATH_BYTES.options },
  }),
  get: async () => ({
    make: (await import("./commands/get.ts")).getCommand,
    bytes: (await import("./options/restore_options.ts")).RESTORE_BYTES,
  }),
  ls: async () => ({ make: (await import("./commands/ls.ts")).lsCommand }),
  search: async () => ({ make: (await import("./commands/search.ts")).searchCommand }),
  show: async () => ({ make: (await import("./commands/show.ts")).showCommand }),
  chain: async () => ({ make: (await import("./commands/chain.ts")).chainCommand }),
  files: async () => ({ make: (await import("./commands/files.ts")).filesCommand }),
  find: async () => ({ make: (await import("./commands/find.ts")).findCommand }),
  diff: async () => ({ make: (await import("./commands/diff.ts")).diffCommand }),
  status: async () => ({ make: (await import("./commands/status.ts")).statusCommand }),
  stats: async () => ({ make: (await import("./commands/stats.ts")).statsCommand }),
  verify: async () => ({ make: (await import("./commands/verify.ts")).verifyCommand }),
  copy: async () => ({ make: (await import("./commands/copy.ts")).copyCommand }),
  check: async () => ({ make: (await import("./commands/check.ts")).checkCommand }),
  repair: async () => ({ make: (await import("./commands/repair.ts")).repairCommand }),
  forget: async () => ({ make: (await import("./commands/forget.ts")).forgetCommand }),
  rotate: async () => ({ make: (await import("./commands/rotate.ts")).rotateCommand }),
  "delete-older-than": async () => ({
    make: (await import("./commands/delete_older_than.ts")).deleteOlderThanCommand,
  }),
  rm: async () => ({ make: (await import("./commands/rm.ts")).rmCommand }),
  hold: async () => ({ make: (await import("./commands/hold.ts")).holdCommand }),
  release: async () => ({ make: (await import("./commands/hold.ts")).releaseCommand }),
  tag: async () => ({ make: (await import("./commands/tag.ts")).tagCommand }),
  prune: async () => ({ make: (await import("./commands/prune.ts")).pruneCommand }),
  tables: async () => ({ make: (await import("./commands/tables.ts")).tablesCommand }),
  kv: async () => ({ make: (await import("./commands/kv.ts")).kvCommand }),
  key: async () => ({ make: (await import("./commands/key.ts")).keyCommand }),
  unlock: async () => ({ make: (await import("./commands/unlock.ts")).unlockCommand }),
  serve: async () => ({ make: (await import("./commands/serve.ts")).serveCommand }),
  url: async () => {
    const { urlCommand, URL_BYTES } = await import("./commands/url.ts");
    return { make: urlCommand, bytes: URL_BYTES };
  },
  gateway: async () => ({ make: (await import("./commands/gateway.ts")).gatewayCommand }),
  config: async () => {
    const { configCommand } = await import("./commands/config.ts");
    const others = COMMAND_NAMES.filter((name) => name !== "config");
    return {
      make: (context) =>
        configCommand(context, async () => (await loadCommands(others)).map(({ make }) => make(context))),
    };
  },
  cache: async () => ({ make: (await import("./commands/cache.ts")).cacheCommand }),
  plugins: async () => ({ make: (await import("./commands/plugins.ts")).pluginsCommand }),
  configure: async () => ({ make: (await import("./commands/configure.ts")).configureCommand }),
  completion: async () => ({ make: (await import("./commands/completion.ts")).completionCommand }),
  man: async () => ({ make: (await import("./commands/man.ts")).manCommand }),
  __complete: async () => ({ make: (await import("./commands/complete.ts")).completeCommand, isHidden: true }),
  version: async () => ({ make: (await import("./commands/version.ts")).versionCommand }),
};

/** The names of all commands. */
export const COMMAND_NAMES: readonly string[] = Object.keys(COMMANDS);

/** Commands that tell about all others, so that all have to be loaded. */
export const NAMES_THAT_NEED_ALL: readonly string[] = ["help", "completion", "man"];

/** Loads these commands, which are returned in the order of the help. Other names are ignored. */
export async function loadCommands(names: readonly string[]): Promise<LoadedCommand[]> {
  const wanted = Object.entries(COMMANDS).filter(([name]) => names.includes(name));
  return await Promise.all(wanted.map(([, load]) => load()));
}
