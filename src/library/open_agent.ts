/** Opens an agent, with defaults for everything that a program does not say. */
import { deriveKeyOn, type Password } from "../crypto/kdf.ts";
import { KeptKeys } from "../crypto/kept_keys.ts";
import { builtInEngines } from "../engine/built_in.ts";
import { EngineRegistry } from "../engine/engine_urls.ts";
import { uuid4 } from "../base/uuid.ts";
import { isRepositorySecret } from "../config/repository_secrets.ts";
import { secretVariables } from "../config/secret_references.ts";
import { cataloguePath } from "../catalogue/catalogue_place.ts";
import type { World } from "../ops/access.ts";
import { builtInStores } from "../store/built_in.ts";
import { StoreRegistry } from "../store/store_urls.ts";
import { Agent } from "./agent.ts";
import { Events } from "./events/events.ts";
import { subscribeHooks } from "./events/subscribe_hooks.ts";
import { beforeProcessEnds } from "./machine/process_end.ts";
import { ownEnvironment, worldOfThisProcess } from "./machine/this_process.ts";
import { versionInfo } from "./machine/version.ts";
import { type ConfiguredOptions, withConfiguration } from "./opening/configured.ts";
import { accessOf, cacheDirectoryOf, passwordSource } from "./opening/agent_access.ts";
import { AgentCalls } from "./opening/agent_calls.ts";
import type { AgentOptions } from "./opening/agent_options.ts";
import type { AgentParts } from "./opening/agent_parts.ts";
import { uncountedOptions, usualOptions } from "./opening/usual_options.ts";
import { makeIfMissing } from "./opening/missing_repository.ts";
import { ownDirectories } from "./opening/own_directories.ts";
import { CatalogueFeed } from "./recording/catalogue_feed.ts";
import { AgentPlugins } from "./plugins/agent_plugins.ts";
import { pluginSetup } from "./plugins/plugin_setup.ts";

/**
 * Opens an agent. Nothing of the repository is read yet, unless `init` says that it is made if it is missing. Throws
 * `UsageError` for options that make no sense, and what making a repository throws.
 */
export async function openAgent(options: AgentOptions): Promise<Agent> {
  const world = { ...worldOfThisProcess(), ...callbacksOf(options), ...options.world };
  const environment = options.environment ?? ownEnvironment();
  const configured = await withConfiguration(options, environment);
  const stores = options.stores === undefined ? builtInStores() : new StoreRegistry(options.stores);
  const given = accessOf(configured, { world, stores, environment });
  let changed: Password | undefined;
  const keptKeys = new KeptKeys(deriveKeyOn(world.keyThreads));
  const access = {
    ...given,
    password: async () => changed ?? await given.password(),
    deriveKey: keptKeys.derive,
  };
  const cache = cacheDirectoryOf(configured, { environment });
  const machine = { environment: withoutSecrets(environment, configured.selection) };
  const engines = options.engines === undefined ? builtInEngines(machine) : new EngineRegistry(options.engines);
  const { clock, randomBytes, onProblem } = world;
  const uncounted = uncountedOptions(configured.selection);
  if (uncounted !== undefined) onProblem?.(uncounted);
  const events = new Events({ clock, randomUuid: () => uuid4(randomBytes), onProblem });
  const plugins = new AgentPlugins(
    pluginSetup(configured.selection, { env: (name) => environment[name], form: versionInfo().form, uid: Deno.uid() }),
    { engines, stores, events, clock, onProblem: (problem) => onProblem?.(problem), onLog: options.onPluginLog },
  );
  const catalogue = catalogueOf(options, environment, world);
  const usual = usualOptions(configured.selection);
  const parts: AgentParts = {
    access,
    ...catalogue && { catalogue },
    world,
    stores,
    machine,
    plugins,
    engines,
    events,
    usePassword: (password) => changed = password,
    host: options.host ?? world.identity.hostname,
    gateway: options.gateway ?? (environment.AGENT_GATEWAY || usual.gateway),
    usual,
    own: () => ownDirectories([access], { cache, directory: Deno.cwd() }),
  };
  const calls = new AgentCalls(parts);
  const hooks = hooksOf(configured, parts);
  calls.atEnd(() => keptKeys.forget());
  calls.atEnd(async () => await catalogue?.[Symbol.asyncDispose]());
  calls.atEnd(() => plugins.deactivate());
  calls.atEnd(async () => await hooks[Symbol.asyncDispose]());
  try {
    await plugins.activate();
    if (options.init) {
      const password = passwordSource(configured, { isNew: true });
      await makeIfMissing(access, async () => ({ password: await password(), isRandom: false }), { world });
    }
  } catch (error) {
    await calls.close();
    throw error;
  }
  return new Agent(calls);
}

/** The way into the catalogue; undefined if there is to be none. */
function catalogueOf(
  { catalogue }: AgentOptions,
  environment: Readonly<Record<string, string>>,
  { clock, onProblem }: World,
): CatalogueFeed | undefined {
  const path = catalogue === undefined ? cataloguePath((name) => environment[name]) : catalogue || undefined;
  return path === undefined ? undefined : new CatalogueFeed({ path, clock, onProblem });
}

/** Subscribes the hooks of the configuration. */
function hooksOf(
  { selection, network, onHookOutput }: ConfiguredOptions,
  { events, world, machine }: AgentParts,
): AsyncDisposable {
  return subscribeHooks(events, selection?.hooks ?? [], {
    beforeProcessEnds: (over) => beforeProcessEnds({ asked: null, over }),
    clock: world.clock,
    environment: () => machine.environment,
    secretVariables: selection === undefined ? [] : secretVariables(selection.configuration),
    say: async (lines) => await onHookOutput?.(lines),
    network: () => Promise.resolve(network ?? {}),
  });
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
