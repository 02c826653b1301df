/** Our summary in a snapshot, derived from the manifest. */
import type { ManifestId } from "../base/id.ts";
import type { AgentSnapshotInfo } from "../format/manifest/agent_info.ts";
import type { Manifest, ManifestGuard } from "../format/manifest/manifest.ts";
import type { Rfc3339 } from "../format/time.ts";
import { givenName } from "./naming/backup_name.ts";
import { streamFacts } from "./stream_facts.ts";

/**
 * The summary of the manifest with this id. `modified` is the modification time of its streams in the tree.
 * `storedBytes` is what the backup added to the store, known only after everything is written; the default is the
 * manifest's count.
 */
export function agentInfo(
  manifest: Manifest,
  id: ManifestId,
  modified: Rfc3339,
  storedBytes: number = manifest.stats.bytesStored,
): AgentSnapshotInfo {
  const guards = manifest.files.map(({ guard }) => guard);
  const name = givenName(manifest);
  return {
    manifest: id,
    parent: manifest.parent,
    base: manifest.base,
    level: manifest.level,
    runType: manifest.runType,
    engine: manifest.engine.name,
    series: manifest.series,
    ...(name !== undefined && { name }),
    size: manifest.tree?.bytes ?? manifest.stats.bytesRead,
    added: manifest.stats.bytesAdded,
    stored: storedBytes,
    files: manifest.tree?.files ?? manifest.files.length,
    complete: completeness(guards),
    guard: guards.find((guard) => guard !== null)?.format ?? "none",
    streams: streamFacts(manifest.files),
    ...(manifest.files.some(({ shrunk }) => shrunk !== undefined) && { shrunk: true }),
    ...problemsOf(manifest),
    chunker: manifest.chunker,
    modified,
    started: manifest.started,
    finished: manifest.finished,
  };
}

/** How many problems the source had, as the use case notes them in its position. */
export function problemsOf({ source: { problems } }: Manifest): { readonly problems?: number } {
  return typeof problems === "number" && Number.isSafeInteger(problems) && problems > 0 ? { problems } : {};
}

/**
 * Whether all streams were found whole; null if some could not be judged, or if there are no streams. Files without a
 * guard, such as an engine's metadata, are not judged and do not count.
 */
function completeness(guards: readonly (ManifestGuard | null)[]): boolean | null {
  const verdicts = guards.flatMap((guard) => guard === null ? [] : [guard.complete]);
  if (verdicts.includes(false)) return false;
  return verdicts.length > 0 && verdicts.every((complete) => complete) ? true : null;
}
