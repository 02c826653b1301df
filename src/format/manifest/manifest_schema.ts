/** The schema of a stored manifest (`manifest.ts`). It is strict, since only this program writes manifests. */
import * as v from "valibot";
import type { BlobId, ManifestId } from "../../base/id.ts";
import { decodeBase64, encodeBase64 } from "../json/base64.ts";
import { byteStringOf } from "../byte_string.ts";
import type { JsonObject, JsonValue } from "../json/json_text.ts";
import { isNodeName } from "../tree/node.ts";
import { count, id, timestamp } from "../json/schema.ts";
import { type SeriesName, seriesProblem } from "./series.ts";

/** The name of this version of the format. A later version has a higher number. */
export const MANIFEST_FORMAT = "agent-manifest/1";

/** Deeper nesting in `source` and `options` is refused, long before it could exhaust the stack. */
const MAX_JSON_DEPTH = 64;

const text = v.pipe(v.string(), v.check((value) => value.isWellFormed(), "expected valid Unicode"));
const name = v.pipe(text, v.nonEmpty("expected a name"));
const series = v.pipe(v.string(), v.guard(isSeries, "expected the name of a series"));
const jsonObject = v.custom<JsonObject>((value) => isPlainObject(value) && isJson(value, 0), "expected a JSON object");
const seconds = v.pipe(v.number(), v.check((value) => value >= 0 && Number.isFinite(value), "expected seconds"));

function isSeries(value: string): value is SeriesName {
  return seriesProblem(value) === null;
}

function isJson(value: unknown, depth: number): value is JsonValue {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value === "number") return Number.isFinite(value);
  if (value === null || typeof value === "boolean") return true;
  if (depth > MAX_JSON_DEPTH) return false;
  if (Array.isArray(value)) return value.every((element) => isJson(element, depth + 1));
  return isPlainObject(value) &&
    Object.entries(value).every(([key, member]) => key.isWellFormed() && isJson(member, depth + 1));
}

function isPlainObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function digest(digits: number) {
  const pattern = new RegExp(`^[0-9a-f]{${digits}}$`);
  return v.pipe(v.string(), v.check((value) => pattern.test(value), `expected ${digits} lower-case hex digits`));
}

const guard = v.strictObject({ format: text, complete: v.nullable(v.boolean()) });

const file = v.pipe(
  v.strictObject({
    path: v.pipe(text, v.check((path) => path.split("/").every(isNodeName), "expected a relative path")),
    pathBytes: v.exactOptional(v.string()),
    size: count,
    md5: digest(32),
    sha256: digest(64),
    blobs: count,
    guard: v.nullable(guard),
    parts: v.exactOptional(v.pipe(count, v.minValue(1, "expected at least one part"))),
    shrunk: v.exactOptional(v.strictObject({ from: count, of: id<ManifestId>() })),
  }),
  v.check(
    ({ path, pathBytes }) => pathBytes === undefined || isReadingOf(path, pathBytes),
    "path is not its pathBytes",
  ),
);

/** A path that is not UTF-8 is stored twice, readable and exactly in base64; any other path only once. */
function isReadingOf(path: string, base64: string): boolean {
  const bytes = decodeBase64(base64);
  if (bytes === null || encodeBase64(bytes) !== base64) return false;
  const exact = byteStringOf(bytes);
  return !exact.isWellFormed() && exact.toWellFormed() === path;
}

const list = v.strictObject({ size: count, md5: digest(32), sha256: digest(64) });

const tree = v.strictObject({
  root: id<BlobId>(),
  files: count,
  directories: count,
  others: count,
  bytes: count,
  digests: list,
});

const chunker = v.pipe(
  v.strictObject({ algorithm: name, min: count, average: count, max: count }),
  v.check(({ min, average, max }) => min <= average && average <= max, "chunk sizes out of order"),
);

/** A stored manifest. Validation changes nothing in it. */
export const manifestSchema = v.pipe(
  v.strictObject({
    format: v.literal(MANIFEST_FORMAT),
    series,
    host: text,
    started: timestamp,
    finished: timestamp,
    runType: v.nullable(name),
    level: count,
    parent: v.nullable(id<ManifestId>()),
    base: v.nullable(id<ManifestId>()),
    engine: v.strictObject({ name, version: text, options: jsonObject }),
    files: v.array(file),
    tree: v.exactOptional(tree),
    tables: v.exactOptional(list),
    chunker,
    source: jsonObject,
    stats: v.strictObject({
      bytesRead: count,
      bytesAdded: count,
      bytesStored: count,
      blobsNew: count,
      blobsReused: count,
      seconds,
    }),
    tags: v.array(text),
  }),
  v.check((manifest) => hasFittingLinks(manifest), "level, parent and base do not fit together"),
  v.check(
    (manifest) => describesOneKind(manifest),
    "a backup of files has a tree and no streams, any other has no tree",
  ),
);

/** The engine that backs up files and directories. Its backups hold a tree and no streams. */
export const FILES_ENGINE = "files";

/** What stands for an engine in backups of standard input and of commands. */
export const STREAM_ENGINE = "stream";

interface Described {
  readonly engine: { readonly name: string };
  readonly files: readonly unknown[];
  readonly tree?: unknown;
  readonly tables?: unknown;
}

function describesOneKind({ engine, files, tree, tables }: Described): boolean {
  if (engine.name !== FILES_ENGINE) return tree === undefined;
  return tree !== undefined && files.length === 0 && tables === undefined;
}

interface Links {
  readonly level: number;
  readonly parent: ManifestId | null;
  readonly base: ManifestId | null;
}

function hasFittingLinks({ level, parent, base }: Links): boolean {
  if (level === 0) return parent === null && base === null;
  return parent !== null && base !== null && (level === 1) === (parent === base);
}
