/** `agent gateway revoke`: ends all signed URLs that were made so far. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { formatDuration } from "../../base/text/duration.ts";
import { type RaisedGeneration, raiseGeneration } from "../../ops/gateway/raise_generation.ts";
import { LOOK_AGAIN_MS } from "../../ops/gateway/url_keys.ts";
import type { CliContext } from "../context.ts";
import { repositoryAccess, type RepositoryOptions, withRepositoryOptions } from "../options/repository_options.ts";
import { revokedJson } from "../report/json/urls/url_json.ts";
import { allOptions } from "../specification.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { writeJson, writeLine } from "../terminal/write.ts";

const NOTES: HelpNotes = {
  about: [
    "It writes a small record into the repository, from which every gateway derives another key. Gateways that run read " +
    `it within ${formatDuration(LOOK_AGAIN_MS)}. Downloads that are under way go on.`,
  ],
  examples: [["agent gateway revoke"]],
};

/** The command, to be run in `context`; a part of `agent gateway`. */
export function gatewayRevokeCommand(context: CliContext): CommandUnknownOpts {
  const command = new Command("revoke")
    .description("refuse all URLs that were made so far")
    .addHelpText("after", helpNotes(NOTES));
  return withRepositoryOptions(command).action((options, self) => run(allOptions(self, options), context));
}

async function run(options: RepositoryOptions, context: CliContext): Promise<void> {
  const { stdout, stderr, world, signal } = context;
  const access = repositoryAccess(options, context);
  const raised = await raiseGeneration(access, { world, signal, host: world.identity.hostname });
  if (options.json) await writeJson(stdout, revokedJson(raised));
  else if (!options.quiet) await writeLine(stderr, describe(raised));
}

function describe({ generation, before }: RaisedGeneration): string {
  if (before === null) return "No URL had been made; those that are made from now on are valid";
  return `All URLs that were made so far are refused; generation ${generation} of their keys has begun`;
}
