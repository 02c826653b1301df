/**
 * Compares a snapshot with the manifest of its backup. Tags are in the snapshot alone. If another snapshot replaced the
 * committed one, its host and time may have been corrected.
 */
import type { AgentSnapshotInfo, StreamFacts } from "../format/manifest/agent_info.ts";
import type { Manifest } from "../format/manifest/manifest.ts";
import { compareTimestamps } from "../format/time.ts";
import { agentInfo } from "./snapshot_info.ts";
import type { Backup } from "./backup.ts";
import { factsOf, LISTED_STREAMS } from "./stream_facts.ts";

/** A field in which a snapshot and its manifest differ. */
interface Difference {
  readonly field: string;
  readonly inSnapshot: string;
  readonly inManifest: string;
}

/**
 * How a snapshot and its manifest differ; empty if they agree. A snapshot without our summary has nothing to compare.
 */
export function snapshotDifferences({ info, snapshot }: Backup, manifest: Manifest): Difference[] {
  if (info === null) return [];
  const differences = summaryDifferences(info, manifest);
  if (snapshot.original !== null) return differences;
  const hasSameTime = compareTimestamps(snapshot.time, manifest.started) === 0;
  return [
    ...differencesOf([
      ["host", snapshot.hostname, manifest.host],
      ["paths", snapshot.paths.join(", "), `/${manifest.series}`],
    ]),
    ...hasSameTime ? [] : differencesOf([["time", snapshot.time, manifest.started]]),
    ...differences,
  ];
}

/** The first difference between a summary and its manifest, in words; null if they agree. */
export function summaryProblem(info: AgentSnapshotInfo, manifest: Manifest): string | null {
  const [first] = summaryDifferences(info, manifest);
  return first === undefined ? null : `its snapshot says ${wordsOf(first)}`;
}

/** `size 12, its manifest 10`. */
export function wordsOf({ field, inSnapshot, inManifest }: Difference): string {
  return `${field} ${inSnapshot}, its manifest ${inManifest}`;
}

function summaryDifferences(info: AgentSnapshotInfo, manifest: Manifest): Difference[] {
  const expected = agentInfo(manifest, info.manifest, info.modified);
  return [
    ...differencesOf([
      ["series", info.series, expected.series],
      ["level", info.level, expected.level],
      ["parent", info.parent, expected.parent],
      ["base", info.base, expected.base],
      ["run type", info.runType, expected.runType],
      ["start", info.started, expected.started],
      ["end", info.finished, expected.finished],
      ["size", info.size, expected.size],
      ["number of streams", info.files, expected.files],
      ["engine", info.engine, expected.engine],
      ["name", info.name, expected.name],
      ["added bytes", info.added, expected.added],
      // The bytes of the trees are known only after the manifest is written.
      ["stored bytes", info.stored, Math.max(info.stored, manifest.stats.bytesStored)],
      ["completeness", info.complete, expected.complete],
      ["guard", info.guard, expected.guard],
      ["shrunk", info.shrunk, expected.shrunk],
      ["problems", info.problems, expected.problems],
      ["chunks", chunkerText(info), chunkerText(expected)],
    ]),
    ...info.streams === undefined ? [] : streamDifferences(info.streams, manifest),
  ];
}

type Compared = readonly [field: string, inSnapshot: unknown, inManifest: unknown];

function differencesOf(fields: readonly Compared[]): Difference[] {
  return fields.filter(([, inSnapshot, inManifest]) => inSnapshot !== inManifest)
    .map(([field, inSnapshot, inManifest]) => ({
      field,
      inSnapshot: String(inSnapshot ?? "none"),
      inManifest: String(inManifest ?? "none"),
    }));
}

function chunkerText({ chunker: { algorithm, min, average, max } }: AgentSnapshotInfo): string {
  return `by ${algorithm} of ${min}, ${average} and ${max} bytes`;
}

/** Compares the listed streams. If there are too many to list, any choice of them is accepted. */
function streamDifferences(listed: readonly StreamFacts[], { files }: Manifest): Difference[] {
  // Two paths that are not valid Unicode may decode to the same text.
  const known = Map.groupBy(files.map(factsOf), ({ path }) => path);
  const differences: Difference[] = [];
  const expectedCount = Math.min(files.length, LISTED_STREAMS);
  if (listed.length !== expectedCount) {
    differences.push(...differencesOf([["number of listed streams", listed.length, expectedCount]]));
  }
  for (const facts of listed) {
    const texts = (known.get(facts.path) ?? []).map(factsText);
    const text = factsText(facts);
    if (!texts.includes(text)) {
      differences.push(...differencesOf([[`stream ${JSON.stringify(facts.path)}`, text, texts[0]]]));
    }
  }
  return differences;
}

function factsText({ size, guard, complete }: StreamFacts): string {
  return `of ${size} bytes, guard ${guard}, complete ${complete ?? "unknown"}`;
}
