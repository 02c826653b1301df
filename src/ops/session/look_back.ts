/** What a new backup needs from the earlier ones: its parent, and the streams to compare its own with. */
import type { Backup } from "../../backup/backup.ts";
import { type ParentRequest, type PlannedParent, planParent } from "../../backup/chain/parent.ts";
import { withRewritten } from "../../backup/rewritten.ts";
import { haveSameSeriesAndHost } from "../../policy/series_and_host.ts";
import type { Repository } from "../../repository/repository.ts";
import { type MemoryRequest, StreamMemory } from "./stream_memory.ts";
import { wholeIndexOnDemand, type WholeIndexOptions } from "../../backup/whole_index.ts";

/** The request for the parent and for the stream memory. */
type LookBackRequest = ParentRequest & MemoryRequest;

/**
 * Examines all backups, oldest first. If restic rewrote some of the series and host, their manifests are read; the
 * index for that is loaded once and then dropped.
 */
export async function lookBack(
  repository: Repository,
  earlier: readonly Backup[],
  request: LookBackRequest,
  options: WholeIndexOptions,
): Promise<{ readonly planned: PlannedParent; readonly memory: StreamMemory }> {
  const openIndex = wholeIndexOnDemand(repository, options);
  const planned = await planParent(earlier, request, openIndex);
  const own = earlier.filter((backup) => haveSameSeriesAndHost(backup, request));
  return { planned, memory: new StreamMemory(await withRewritten(own, openIndex), request) };
}
