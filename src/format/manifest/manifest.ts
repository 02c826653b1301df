/**
 * Manifests: our description of one backup, as canonical JSON (RFC 8785). A manifest's id is the SHA-256 of its text,
 * so each manifest must have exactly one text: any other is refused.
 */
import canonicalize from "canonicalize";
import type * as v from "valibot";
import { BugError, IntegrityError, invariant } from "../../base/errors.ts";
import type { BlobId, ManifestId } from "../../base/id.ts";
import { decodeBase64, encodeBase64 } from "../json/base64.ts";
import { bytesOfByteString, byteStringOf } from "../byte_string.ts";
import { damaged } from "../damage.ts";
import { decodeUtf8, type JsonObject, parseJson, validate } from "../json/json_text.ts";
import { FILES_ENGINE, MANIFEST_FORMAT, manifestSchema, STREAM_ENGINE } from "./manifest_schema.ts";
import type { SeriesName } from "./series.ts";
import type { Rfc3339 } from "../time.ts";

export { FILES_ENGINE, MANIFEST_FORMAT, STREAM_ENGINE };

/** What a guard found out about a stream. */
export interface ManifestGuard {
  /** The format it recognised. */
  readonly format: string;
  /** Whether the stream was whole; `null` if its format does not tell. */
  readonly complete: boolean | null;
}

/** One stream or file of a backup. */
export interface ManifestFile {
  /** Path below the series' directory, segments joined by `/`, as a byte string (`byte_string.ts`). */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** MD5 of the whole content, 32 lower-case hex digits. */
  readonly md5: string;
  /** SHA-256 of the whole content, 64 lower-case hex digits. */
  readonly sha256: string;
  /** How many chunks it was cut into. */
  readonly blobs: number;
  /** `null` if no guard read the stream. */
  readonly guard: ManifestGuard | null;
  /**
   * The number of numbered parts (`partName`) in which a long stream is stored, in a directory at its path; else
   * absent.
   */
  readonly parts?: number;
  /**
   * If the stream is much smaller than an earlier one: that one's size in bytes, and its backup's manifest; else
   * absent.
   */
  readonly shrunk?: { readonly from: number; readonly of: ManifestId };
}

/** The tree of a backup of files and directories. */
export interface ManifestTree {
  /** The directory that holds it, which is that of the series. */
  readonly root: BlobId;
  /** Regular files. */
  readonly files: number;
  /** Directories, without the one that holds the tree. */
  readonly directories: number;
  /** Links, devices and whatever else there is. */
  readonly others: number;
  /** Bytes of all files. */
  readonly bytes: number;
  /** The list of digests (`digest_list.ts`). */
  readonly digests: ManifestList;
}

/** A list that is stored beside the manifest, as a file. */
export interface ManifestList {
  /** Bytes. */
  readonly size: number;
  /** MD5 of the whole list, 32 lower-case hex digits. */
  readonly md5: string;
  /** SHA-256 of the whole list, 64 lower-case hex digits. */
  readonly sha256: string;
}

/** How the streams were cut; sizes in bytes. */
export interface ManifestChunker {
  /** Name of the algorithm. */
  readonly algorithm: string;
  /** The length of the shortest chunk; only the last one may be shorter. */
  readonly min: number;
  /** The mean size. */
  readonly average: number;
  /** The length of the longest chunk. */
  readonly max: number;
}

/** What the backup did. */
export interface ManifestStats {
  /** Bytes that were read: of all streams, or of the files that were not taken over from an earlier backup. */
  readonly bytesRead: number;
  /** Plaintext bytes of the chunks that were not stored before. */
  readonly bytesAdded: number;
  /** Bytes stored when the manifest was written: chunks, content lists and trees of streams, sealed. */
  readonly bytesStored: number;
  /** The number of chunks that were not stored before. */
  readonly blobsNew: number;
  /** The number of chunks that were already stored. */
  readonly blobsReused: number;
  /** How long it took, in seconds. */
  readonly seconds: number;
}

/**
 * One backup. A level 0 has neither parent nor base: it is its own base, but no text can contain its own digest. Above
 * level 0 both are present, and at level 1 they are the same.
 */
export interface Manifest {
  /** Name and version of the format. */
  readonly format: typeof MANIFEST_FORMAT;
  /** The name of the series. */
  readonly series: SeriesName;
  /** The host whose backup it is. */
  readonly host: string;
  /** When its first stream began. */
  readonly started: Rfc3339;
  /** When the manifest was written. */
  readonly finished: Rfc3339;
  /** hourly, daily, weekly, monthly, yearly, or `null`. */
  readonly runType: string | null;
  /** 0 for a full backup, else one more than its parent's. */
  readonly level: number;
  /** The manifest of the parent, one level below. */
  readonly parent: ManifestId | null;
  /** The manifest of the chain's level 0. */
  readonly base: ManifestId | null;
  /** What produced the streams, and with which options. */
  readonly engine: { readonly name: string; readonly version: string; readonly options: JsonObject };
  /** The streams of the backup. */
  readonly files: readonly ManifestFile[];
  /** The tree of a backup of the engine `FILES_ENGINE`, which has no streams; absent for any other. */
  readonly tree?: ManifestTree;
  /** The list of the tables in its streams (`table_list.ts`); absent if no stream is a dump whose tables are known. */
  readonly tables?: ManifestList;
  /** How the streams were cut. */
  readonly chunker: ManifestChunker;
  /** The engine's own position in its source. */
  readonly source: JsonObject;
  /** What the backup did. */
  readonly stats: ManifestStats;
  /** The tags of the backup. */
  readonly tags: readonly string[];
}

/** The manifest of a backup of files. */
export type FilesManifest = Manifest & { readonly tree: ManifestTree };

/** Whether a manifest describes a backup of files. */
export function isOfFiles(manifest: Manifest | null): manifest is FilesManifest {
  return manifest?.tree !== undefined;
}

type ManifestAtRest = v.InferOutput<typeof manifestSchema>;
type FileAtRest = ManifestAtRest["files"][number];

/** The canonical text in UTF-8. Throws `BugError` for a manifest that `decodeManifest` would refuse. */
export function encodeManifest(manifest: Manifest): Uint8Array<ArrayBuffer> {
  const { files, ...rest } = manifest;
  try {
    checkPathsDiffer(files, "manifest");
    const atRest = validate(manifestSchema, { ...rest, files: files.map(fileAtRest) }, "manifest");
    return new TextEncoder().encode(canonicalText(atRest));
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error;
    throw new BugError("Cannot write a manifest that could not be read", { cause: error });
  }
}

/**
 * Reads a manifest. Throws an `IntegrityError` that names `what` for anything but the canonical text of a valid
 * manifest, and for a format version that is not yet known.
 */
export function decodeManifest(bytes: Uint8Array, what: string): Manifest {
  const text = decodeUtf8(bytes, what);
  const value = parseJson(text, what);
  checkFormat(value, what);
  const atRest = validate(manifestSchema, value, what);
  if (canonicalText(atRest) !== text) throw damaged(what, "not in canonical form");
  const files = atRest.files.map(fileInMemory);
  checkPathsDiffer(files, what);
  return { ...atRest, files };
}

function canonicalText(manifest: ManifestAtRest): string {
  const text = canonicalize(manifest);
  invariant(text !== undefined, "A manifest has a canonical text");
  return text;
}

function checkFormat(value: unknown, what: string): void {
  const format = typeof value === "object" && value !== null && "format" in value ? value.format : undefined;
  if (format === MANIFEST_FORMAT) return;
  if (typeof format !== "string" || !/^agent-manifest\/[0-9]{1,9}$/.test(format)) throw damaged(what, "not a manifest");
  throw damaged(what, `made by a newer version (format "${format}"); update agent to read it`);
}

/** A path that is not UTF-8 is written twice: readable, and as bytes. */
function fileAtRest({ path, ...rest }: ManifestFile): FileAtRest {
  if (path.isWellFormed()) return { path, ...rest };
  return { path: path.toWellFormed(), pathBytes: encodeBase64(bytesOfByteString(path)), ...rest };
}

function fileInMemory({ path, pathBytes, ...rest }: FileAtRest): ManifestFile {
  return { path: pathBytes === undefined ? path : byteStringOf(decodeBase64(pathBytes)!), ...rest };
}

function checkPathsDiffer(files: readonly ManifestFile[], what: string): void {
  if (new Set(files.map((file) => file.path)).size < files.length) throw damaged(what, "two files have one path");
}
