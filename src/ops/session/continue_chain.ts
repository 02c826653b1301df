/**
 * Opens a source with what the backup to continue left behind, and finds what the new level inherits: the streams of
 * all lower levels, which its own tree lists again, so that no removal of other backups can break its chain.
 */
import { IntegrityError, UnfitParentError } from "../../base/errors.ts";
import type { Backup } from "../../backup/backup.ts";
import type { ParentChoice, PlannedParent } from "../../backup/chain/parent.ts";
import { findSeriesNodes, listFiles, readManifest } from "../../backup/content/contents.ts";
import { readVerified } from "../../backup/content/read_verified.ts";
import type { OpenIndex } from "../../backup/rewritten.ts";
import { treeProblem } from "../../backup/content/tree_contents.ts";
import type { NewestBackup, SourceParent } from "../../engine/engine.ts";
import type { Manifest, ManifestFile } from "../../format/manifest/manifest.ts";
import { levelDirectory, levelOfPath, METADATA_FILE_NAME } from "../../format/manifest/series.ts";
import type { Node } from "../../format/tree/node.ts";
import type { PipelineThreads } from "../../pipeline/threads.ts";
import type { IndexedRepository } from "../../repository/repository.ts";
import { readTree, subtreeOf } from "../../repository/tree/trees.ts";
import type { World } from "../access.ts";
import type { SourceGround } from "./source_ground.ts";

/** A source that is opened once the backup to continue is known. */
export interface SessionSource {
  /** Whether a restore replays the levels of a chain. */
  readonly replays: boolean;
  /** The mean size of chunks that suits it; undefined for that of dumps. */
  readonly chunkAverage?: number | undefined;
  /** The absolute paths that it reads, if it reads files. */
  readonly roots?: readonly string[] | undefined;
  /**
   * Opens the source. If it throws `IntegrityError` or `UnfitParentError` for a parent, that parent cannot be
   * continued, and it is called again without one.
   */
  open(parent: SourceParent | null, ground: SourceGround): Promise<void>;
}

/** What a level has of the levels below it. */
export interface Inherited {
  /** Their streams and metadata, as the parent's manifest lists them. */
  readonly files: readonly ManifestFile[];
  /** Their directories, as they are in the parent's tree. */
  readonly nodes: readonly Node[];
}

/** What a level 0 inherits, and every backup of an engine without levels. */
export const NOTHING_INHERITED: Inherited = { files: [], nodes: [] };

/** What `continueChain` needs. */
interface ChainTools {
  readonly planned: PlannedParent;
  readonly source: SessionSource;
  readonly ground: SourceGround;
  readonly openIndex: OpenIndex;
  readonly threads: PipelineThreads;
  readonly world: World;
  readonly signal: AbortSignal;
}

/**
 * Opens the source. An engine with levels gets the parent's metadata; if anything of the parent's chain is damaged, the
 * choice becomes a level 0 with a warning.
 */
export async function continueChain(
  choice: ParentChoice,
  tools: ChainTools,
): Promise<{ readonly choice: ParentChoice; readonly inherited: Inherited }> {
  const { source, planned, ground } = tools;
  const { parent } = choice;
  if (parent !== undefined && source.replays) {
    try {
      const { found, inherited } = await readParent(parent, tools);
      await source.open(found, ground);
      return { choice, inherited };
    } catch (error) {
      if (!(error instanceof IntegrityError || error instanceof UnfitParentError)) throw error;
      await source.open(null, ground);
      const { message } = error;
      const instead = error instanceof UnfitParentError ? planned.withoutFit(message) : planned.without(message);
      return { choice: instead, inherited: NOTHING_INHERITED };
    }
  }
  const newest = () => newestBackup(choice.predecessor, tools.openIndex);
  await source.open(null, source.replays ? ground : { ...ground, newest });
  return { choice, inherited: NOTHING_INHERITED };
}

async function newestBackup(backup: Backup | undefined, openIndex: OpenIndex): Promise<NewestBackup | null> {
  if (backup === undefined) return null;
  const manifest = await readManifest(await openIndex(), backup);
  if (manifest === null) throw new IntegrityError("its tree holds no manifest");
  return { position: manifest.source, options: manifest.engine.options };
}

/** The parent for the engine, and what the new level inherits from it. Throws `IntegrityError` if it is damaged. */
async function readParent(
  parent: Backup,
  tools: ChainTools,
): Promise<{ readonly found: SourceParent; readonly inherited: Inherited }> {
  const { level } = parent.info!;
  const repository = await tools.openIndex();
  const manifest = await readManifest(repository, parent);
  if (manifest === null) throw new IntegrityError("its tree holds no manifest");
  // What the new backup lists again must be there: it would be committed without being read.
  const problem = await treeProblem(repository, parent.snapshot.tree, manifest);
  if (problem !== null) throw new IntegrityError(problem);
  const inherited = { files: manifest.files, nodes: await levelNodes(repository, parent, level) };
  return { found: sourceParent(repository, { parent, manifest, level }, tools), inherited };
}

/** The directories of the parent's levels. Throws `IntegrityError` if one is missing. */
async function levelNodes(
  repository: IndexedRepository<"tree">,
  parent: Backup,
  level: number,
): Promise<readonly Node[]> {
  const { streams } = await findSeriesNodes(repository, parent);
  if (streams?.type !== "dir") throw new IntegrityError("its tree does not hold its streams");
  const nodes = await readTree(repository, subtreeOf(streams));
  const expected = Array.from({ length: level + 1 }, (_, below) => levelDirectory(below));
  const levels = nodes.filter((node) => levelOfPath(`${node.name}/`) !== undefined);
  const missing = expected.find((name) => !levels.some((node) => node.name === name));
  if (missing !== undefined) throw new IntegrityError(`its tree does not hold the streams of ${missing}`);
  return levels;
}

function sourceParent(
  repository: IndexedRepository,
  { parent, manifest, level }: { readonly parent: Backup; readonly manifest: Manifest; readonly level: number },
  { threads, world: { bufferBytes }, signal }: ChainTools,
): SourceParent {
  return {
    level,
    position: manifest.source,
    options: manifest.engine.options,
    async readMetadata(sink) {
      const path = `${manifest.series}/${levelDirectory(level)}/${METADATA_FILE_NAME}`;
      const files = await listFiles(repository, parent, manifest);
      const file = files.find((candidate) => candidate.path === path);
      if (file === undefined) throw new IntegrityError("it holds no metadata for the next level");
      await readVerified({ repository, threads, signal, bufferBytes, file, sink, guard: "none", md5: false });
    },
  };
}
