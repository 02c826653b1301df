/** `agent serve` in tests: the built executable, serving the directory `served` of a sandbox. */
import { emptySandbox, EXECUTABLE, type Sandbox } from "./executable.ts";
import { restServerFlags, type RestServerOptions, schemeOf, served } from "./rest_servers.ts";
import { Server } from "./servers.ts";

/** Starts the agent as a server. `flags` are added to its command line. */
export async function startAgentServer(
  box: Sandbox,
  options: RestServerOptions = {},
  flags: readonly string[] = [],
): Promise<Server> {
  const folder = served(box);
  await Deno.mkdir(folder, { recursive: true });
  const args = ["serve", "--listen", "127.0.0.1:0", "--path", folder, ...await restServerFlags(box, options), ...flags];
  return await Server.start(box, EXECUTABLE, args, { address: /127\.0\.0\.1:(\d+)/, ...schemeOf(options) });
}

/** Why the executable under test cannot serve; undefined if it can. */
export async function whyNoServer(): Promise<string | undefined> {
  await using box = await emptySandbox();
  const version = String((await box.json(["version"]))[0]!["deno"]);
  return /^2\.[0-8]\./.test(version) ? `the runtime ${version} cannot serve` : undefined;
}

/** Registers a test in which the executable serves; if it cannot, the test is ignored, with the reason in its name. */
export function servingTest(name: string, whyNot: string | undefined, fn: () => Promise<void>): void {
  Deno.test({ name: `${name}${whyNot ? ` (skipped: ${whyNot})` : ""}`, ignore: whyNot !== undefined, fn });
}
