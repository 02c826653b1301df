/** Whether a snapshot's summary of its manifest says what the manifest says. */
import type { AgentSnapshotInfo } from "../format/agent_info.ts";
import type { Manifest } from "../format/manifest.ts";

/** How they differ in what links backups and tells them apart, or null where they agree. */
export function summaryProblem(info: AgentSnapshotInfo, manifest: Manifest): string | null {
  const fields: readonly (readonly [name: string, inSnapshot: unknown, inManifest: unknown])[] = [
    ["series", info.series, manifest.series],
    ["level", info.level, manifest.level],
    ["parent", info.parent, manifest.parent],
    ["base", info.base, manifest.base],
    ["run type", info.runType, manifest.runType],
    ["start", info.started, manifest.started],
    ["size", info.size, manifest.stats.bytesRead],
    ["number of streams", info.files, manifest.files.length],
  ];
  const different = fields.find(([, inSnapshot, inManifest]) => inSnapshot !== inManifest);
  if (different === undefined) return null;
  const [name, inSnapshot, inManifest] = different;
  return `its snapshot says ${name} ${inSnapshot ?? "none"}, its manifest ${inManifest ?? "none"}`;
}
