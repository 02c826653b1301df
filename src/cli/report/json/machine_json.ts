/** Facts about this machine in `--json` output: the program, its cache, a server that runs here. */
import * as v from "valibot";
import type { CacheRemoval, CacheRow } from "../../../ops/cache.ts";
import type { PluginRow } from "../../../library/plugins/plugins.ts";
import type { ServedPlace } from "../../../server/connection/http_service.ts";
import type { VersionInfo } from "../../../library/machine/version.ts";
import { bytes, count, hex, object, orNull, text, time } from "./json_fields.ts";

/** Which program this is. */
export const versionMessage = v.strictObject({
  version: text("Its version."),
  commit: orNull(text("The commit that it was built from."), "it is not known"),
  deno: text("The version of Deno in it."),
  form: text("`compiled`, `self-extracting`, or `source` in a source tree."),
});

/** Its JSON object. */
export function versionJson({ version, commit, deno, form }: VersionInfo): v.InferOutput<typeof versionMessage> {
  return { version, commit, deno, form };
}

/** What the cache keeps of one repository. */
export const cachedRepositoryMessage = v.strictObject({
  repository: hex("The repository's id."),
  address: orNull(text("Where it is, without a password."), "it was not recorded"),
  size: bytes("What is kept."),
  files: count("Files that are kept."),
  lastUsed: orNull(time("When it was last used, to the hour."), "nothing is kept"),
});

/** Its JSON object. */
export function cachedRepositoryJson(row: CacheRow): v.InferOutput<typeof cachedRepositoryMessage> {
  const { id, address, bytes, files, lastUsed } = row;
  return { repository: id, address, size: bytes, files, lastUsed: lastUsed === null ? null : lastUsed.toISOString() };
}

/** The whole cache. */
export const cacheMessage = v.strictObject({
  directory: text("Where it is."),
  size: bytes("What it holds."),
  limit: bytes("What it may hold."),
});

/** Its JSON object. */
export function cacheJson(
  directory: string,
  sizeBytes: number,
  limitBytes: number,
): v.InferOutput<typeof cacheMessage> {
  return { directory, size: sizeBytes, limit: limitBytes };
}

/** What was removed from a cache. */
export const cacheRemovalMessage = v.strictObject({
  removed: object({ files: count("How many files."), size: bytes("Their size.") }, "What was removed."),
});

/** Its JSON object. */
export function cacheRemovalJson({ files, bytes }: CacheRemoval): v.InferOutput<typeof cacheRemovalMessage> {
  return { removed: { files, size: bytes } };
}

/** An address that a server listens on. */
export const servedMessage = v.strictObject({
  address: text("The address, as `--listen` takes it, with the actual port."),
  url: text("How clients reach it."),
});

/** Its JSON object. */
export function servedJson({ address, url }: ServedPlace): v.InferOutput<typeof servedMessage> {
  return { address, url };
}

/** A plugin. */
export const pluginMessage = v.strictObject({
  name: text("The name by which it is enabled."),
  origin: orNull(text("Its file."), "there is none"),
  version: orNull(text("Its version."), "it tells none, or was not loaded"),
  state: text("`enabled`, `faulty` or `not enabled`."),
  reason: orNull(text("What is wrong with it."), "it is not faulty"),
});

/** Its JSON object. */
export function pluginJson({ name, origin, version, state, reason }: PluginRow): v.InferOutput<typeof pluginMessage> {
  return { name, origin, version, state, reason };
}
