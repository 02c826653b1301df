/** The options of commands that make signed URLs. */
import { Command, type OptionValues } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import { parseSpan } from "../../base/text/duration.ts";
import { USUAL_GATEWAY } from "../../library/urls/url_of_backup.ts";
import type { CliContext } from "../context.ts";
import { type OptionsOf, withOptions } from "../specification.ts";

const URL_OPTIONS = new Command()
  .option("--expires <duration>", "how long the URL is valid, such as 60s, 12h or 7d")
  .option("--gateway <url>", `address of the gateway (AGENT_GATEWAY; default: ${USUAL_GATEWAY})`);

/** `command` with the options of URLs. */
export function withUrlOptions<Args extends unknown[], Own extends OptionValues>(command: Command<Args, Own>) {
  return withOptions(command, URL_OPTIONS);
}

/** For how long a URL is valid, and where. Throws `UsageError` if it is not said for how long. */
export function urlChoices(
  { expires, gateway }: OptionsOf<typeof URL_OPTIONS>,
  { env }: Pick<CliContext, "env">,
): { readonly seconds: number; readonly gateway: string | undefined } {
  if (expires === undefined) throw new UsageError("Say how long the URL is to be valid: --expires 60s");
  return { seconds: parseSpan(expires) / 1000, gateway: gateway ?? (env("AGENT_GATEWAY") || undefined) };
}
