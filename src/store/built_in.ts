/** The stores that this program comes with, by scheme, and the wrappers around those on other machines. */
import { UsageError } from "../base/errors.ts";
import { openLocalStore } from "./local/local_store.ts";
import { parseStoreUrl, type StoreDependencies, StoreRegistry } from "./store_urls.ts";
import type { RestStoreOptions } from "./rest/rest_store.ts";
import { withRetries } from "./retry.ts";
import type { BlobStore, StoreReader } from "./store.ts";
import { withVerification } from "./verified.ts";

/** The schemes of the stores that this program comes with. */
export const BUILT_IN_STORES = ["local", "rest", "s3"] as const;

/**
 * A registry of the stores that this program comes with: `local`, `rest`, `s3`. Those on other machines are loaded when
 * they are opened, with the runtime's HTTP and TLS, which cost each start of a local command ten milliseconds.
 */
export function builtInStores(): StoreRegistry {
  const registry = new StoreRegistry();
  registry.register("local", (path, { random }) => openLocalStore(path, { random }));
  registry.register("rest", async (place, dependencies) => {
    const { openRestStore } = await import("./rest/rest_store.ts");
    return overNetwork(openRestStore(place, restOptions(dependencies)), dependencies);
  }, { isRemote: true });
  registry.register("s3", async (place, dependencies) => {
    const { openS3Store } = await import("./s3/s3_store.ts");
    const { env = () => undefined, network = {}, settings = new Map(), clock, onRetry } = dependencies;
    const options = { env, network, settings, clock, ...onRetry && { onWait: onRetry } };
    return overNetwork(openS3Store(place, options), dependencies);
  }, { isRemote: true });
  return registry;
}

/** Opens one of the stores that this program comes with; see `StoreRegistry.open`. */
export function openStore(text: string, dependencies: StoreDependencies): Promise<BlobStore> {
  return builtInStores().open(text, dependencies);
}

/** The folder of a store that says it is at `location`; null if it is none of this machine's folders. */
export function localFolderOf({ location }: Pick<StoreReader, "location">): string | null {
  return parseStoreUrl(location).scheme === "local" ? location : null;
}

/** Retries what fails on the way, and reads again what is damaged on the way. */
export function overNetwork(store: BlobStore, { clock, random, onRetry }: StoreDependencies): BlobStore {
  return withRetries(withVerification(store), { clock, random, ...onRetry && { onRetry } });
}

function restOptions({ clock, env = () => undefined, network = {}, settings = new Map() }: StoreDependencies) {
  const prefix = env("AGENT_REST_USERNAME") || env("AGENT_REST_PASSWORD") ? "AGENT" : "RESTIC";
  const username = env(`${prefix}_REST_USERNAME`);
  const password = env(`${prefix}_REST_PASSWORD`);
  const connections = restConnections(settings);
  return {
    clock,
    network,
    ...connections !== undefined && { connections },
    ...username && { username },
    ...password && { password },
  } satisfies RestStoreOptions;
}

/**
 * Reads the one setting of REST stores. Throws `UsageError` for any other setting, and for a value that is not a number
 * of connections.
 */
function restConnections(settings: ReadonlyMap<string, string>): number | undefined {
  const ours = [...settings].filter(([name]) => name.startsWith("rest."));
  for (const [name, value] of ours) {
    if (name !== "rest.connections") throw new UsageError(`Unknown setting "${name}"; known is rest.connections`);
    if (!/^[1-9]\d{0,2}$/.test(value)) throw new UsageError(`rest.connections cannot be "${value}"; give it 1 to 999`);
    return Number(value);
  }
  return undefined;
}
