/** An agent with a repository in memory, in a world that is the same in every run. */
import type { Agent } from "../../src/library/agent.ts";
import { openAgent } from "../../src/library/open_agent.ts";
import type { AgentOptions } from "../../src/library/opening/agent_options.ts";
import type { AgentEvent } from "../../src/library/events/event.ts";
import { EVENT_NAMES } from "../../src/config/event_names.ts";
import { builtInStores } from "../../src/store/built_in.ts";
import { openMemoryStore } from "../../src/store/memory_store.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { CHEAP_KDF, type FakeWorld, fakeWorld, PASSWORD } from "../helpers/world.ts";

/** An agent, and what is behind it. */
interface AgentScene {
  readonly agent: Agent;
  readonly world: FakeWorld;
  readonly store: BlobStore;
  /** What was told to `onProblem`. */
  readonly problems: string[];
}

/** Opens an agent, whose repository is made unless `options` say otherwise. */
export async function openTestAgent(
  { store = openMemoryStore(), world = fakeWorld(), ...options }: Partial<AgentOptions> & {
    readonly store?: BlobStore;
    readonly world?: FakeWorld;
  } = {},
): Promise<AgentScene> {
  const stores = builtInStores();
  stores.register("memory", () => store);
  const problems: string[] = [];
  const agent = await openAgent({
    repository: "memory:here",
    ...options.passwordFile === undefined && options.passwordCommand === undefined && { password: PASSWORD },
    init: true,
    stores,
    environment: { PATH: Deno.env.get("PATH") ?? "" },
    cacheDirectory: null,
    onProblem: ({ message }) => problems.push(message),
    ...options,
    world: { ...world, ...{ kdf: CHEAP_KDF } },
  });
  return { agent, world, store, problems };
}

/** Collects the events of an agent. */
export function listenTo({ events }: Agent): Omit<AgentEvent, "signal">[] {
  const heard: Omit<AgentEvent, "signal">[] = [];
  for (const name of EVENT_NAMES) events.on(name, ({ signal: _, ...event }) => void heard.push(event));
  return heard;
}

/** The names of events, in order. */
export function namesIn(heard: readonly Omit<AgentEvent, "signal">[]): string[] {
  return heard.map(({ event }) => event);
}

/** A text as bytes. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
