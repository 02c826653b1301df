/** Opens an agent, with defaults for everything that a program does not say. */
import type { Password } from "../crypto/kdf.ts";
import { builtInEngines } from "../engine/built_in.ts";
import { uuid4 } from "../base/uuid.ts";
import type { World } from "../ops/access.ts";
import { builtInStores } from "../store/built_in.ts";
import { Agent } from "./agent.ts";
import { Events } from "./events/events.ts";
import { ownEnvironment, worldOfThisProcess } from "./machine/this_process.ts";
import { accessOf, cacheDirectoryOf, passwordSource } from "./opening/agent_access.ts";
import { AgentCalls } from "./opening/agent_calls.ts";
import type { AgentOptions } from "./opening/agent_options.ts";
import type { AgentParts } from "./opening/agent_parts.ts";
import { makeIfMissing } from "./opening/missing_repository.ts";
import { ownDirectories } from "./opening/own_directories.ts";

/**
 * Opens an agent. Nothing of the repository is read yet, unless `init` says that it is made if it is missing. Throws
 * `UsageError` for options that make no sense, and what making a repository throws.
 */
export async function openAgent(options: AgentOptions): Promise<Agent> {
  const world = { ...worldOfThisProcess(), ...callbacksOf(options), ...options.world };
  const environment = options.environment ?? ownEnvironment();
  const stores = options.stores ?? builtInStores();
  const machine = { environment };
  const given = accessOf(options, { world, stores, environment });
  let changed: Password | undefined;
  const access = { ...given, password: async () => changed ?? await given.password() };
  const cache = cacheDirectoryOf(options, { environment });
  const parts: AgentParts = {
    access,
    world,
    stores,
    machine,
    engines: options.engines ?? builtInEngines(machine),
    events: new Events({ clock: world.clock, randomUuid: () => uuid4(world.randomBytes), onProblem: world.onProblem }),
    usePassword: (password) => changed = password,
    host: options.host ?? world.identity.hostname,
    own: () => ownDirectories([access], { cache, directory: Deno.cwd() }),
  };
  if (options.init) {
    const password = passwordSource(options, { isNew: true });
    await makeIfMissing(access, async () => ({ password: await password(), isRandom: false }), { world });
  }
  return new Agent(new AgentCalls(parts));
}

function callbacksOf({ onProblem, onWait }: AgentOptions): Pick<World, "onProblem" | "onWait"> {
  return { ...onProblem && { onProblem }, ...onWait && { onWait } };
}
