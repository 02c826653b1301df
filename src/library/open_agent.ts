/** Opens an agent, with defaults for everything that a program does not say. */
import type { Password } from "../crypto/kdf.ts";
import { builtInEngines } from "../engine/built_in.ts";
import { uuid4 } from "../base/uuid.ts";
import { isRepositorySecret } from "../config/repository_secrets.ts";
import { secretVariables } from "../config/secrets.ts";
import type { World } from "../ops/access.ts";
import { builtInStores } from "../store/built_in.ts";
import { Agent } from "./agent.ts";
import { Events } from "./events/events.ts";
import { subscribeHooks } from "./events/subscribe_hooks.ts";
import { beforeProcessEnds } from "./machine/process_end.ts";
import { ownEnvironment, worldOfThisProcess } from "./machine/this_process.ts";
import { type ConfiguredOptions, withConfiguration } from "./opening/configured.ts";
import { accessOf, cacheDirectoryOf, passwordSource } from "./opening/agent_access.ts";
import { AgentCalls } from "./opening/agent_calls.ts";
import type { AgentOptions } from "./opening/agent_options.ts";
import type { AgentParts } from "./opening/agent_parts.ts";
import { usualOptions } from "./opening/usual_options.ts";
import { makeIfMissing } from "./opening/missing_repository.ts";
import { ownDirectories } from "./opening/own_directories.ts";

/**
 * Opens an agent. Nothing of the repository is read yet, unless `init` says that it is made if it is missing. Throws
 * `UsageError` for options that make no sense, and what making a repository throws.
 */
export async function openAgent(options: AgentOptions): Promise<Agent> {
  const world = { ...worldOfThisProcess(), ...callbacksOf(options), ...options.world };
  const environment = options.environment ?? ownEnvironment();
  const configured = await withConfiguration(options, environment);
  const stores = options.stores ?? builtInStores();
  const given = accessOf(configured, { world, stores, environment });
  let changed: Password | undefined;
  const access = { ...given, password: async () => changed ?? await given.password() };
  const cache = cacheDirectoryOf(configured, { environment });
  const machine = { environment: withoutSecrets(environment, configured.selection) };
  const parts: AgentParts = {
    access,
    world,
    stores,
    machine,
    engines: options.engines ?? builtInEngines(machine),
    events: new Events({ clock: world.clock, randomUuid: () => uuid4(world.randomBytes), onProblem: world.onProblem }),
    usePassword: (password) => changed = password,
    host: options.host ?? world.identity.hostname,
    usual: usualOptions(configured.selection),
    own: () => ownDirectories([access], { cache, directory: Deno.cwd() }),
  };
  if (options.init) {
    const password = passwordSource(configured, { isNew: true });
    await makeIfMissing(access, async () => ({ password: await password(), isRandom: false }), { world });
  }
  const calls = new AgentCalls(parts);
  const hooks = subscribeHooks(parts.events, configured.selection?.hooks ?? [], {
    beforeProcessEnds: (over) => beforeProcessEnds({ asked: null, over }),
    clock: world.clock,
    environment: () => machine.environment,
    secretVariables: configured.selection === undefined ? [] : secretVariables(configured.selection.configuration),
    say: async (lines) => await options.onHookOutput?.(lines),
    network: () => Promise.resolve(configured.network ?? {}),
  });
  calls.atEnd(async () => await hooks[Symbol.asyncDispose]());
  return new Agent(calls);
}

/** The variables without those that grant access to a repository: no program that the agent starts gets them. */
function withoutSecrets(
  environment: Readonly<Record<string, string>>,
  selection: ConfiguredOptions["selection"],
): Readonly<Record<string, string>> {
  const named = selection === undefined ? [] : secretVariables(selection.configuration);
  const kept = Object.entries(environment).filter(([name, value]) =>
    !isRepositorySecret(name, value) && !named.includes(name)
  );
  return Object.fromEntries(kept);
}

function callbacksOf({ onProblem, onWait }: AgentOptions): Pick<World, "onProblem" | "onWait"> {
  return { ...onProblem && { onProblem }, ...onWait && { onWait } };
}
