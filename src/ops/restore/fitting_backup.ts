/** Whether a backup can go into the target of an engine: that of its own, or one for dumps that no engine made. */
import { UsageError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import type { Backup } from "../../backup/backup.ts";
import type { EngineTarget } from "../../engine/engine.ts";
import type { Driven } from "../../engine/engine_urls.ts";
import { isOfFiles, type Manifest, type ManifestFile, STREAM_ENGINE } from "../../format/manifest/manifest.ts";
import { containersOf } from "../../guard/recognition.ts";

/** A backup and what is to be restored of it. */
interface Restored {
  readonly backup: Backup;
  readonly manifest: Manifest | null;
  /** Its only stream that is restored; absent if all are. */
  readonly stream?: string;
}

/** The manifest. Throws `UsageError` if another engine made the backup, or if it is no dump for this target. */
export function manifestFor({ backup, manifest, stream }: Restored, { name, engine }: Driven<EngineTarget>): Manifest {
  const which = `The backup ${backup.series}@${shortId(backup.id)}`;
  if (manifest === null) {
    throw new UsageError(`${which} was made by another tool, not by the engine "${name}"; restore it with --target`);
  }
  if (manifest.engine.name === name) return manifest;
  if (manifest.engine.name === STREAM_ENGINE && engine.dumpFormats !== undefined) {
    const files = manifest.files.filter(({ path }) => stream === undefined || path === stream);
    refuseForeignDumps(files, which, { name, formats: engine.dumpFormats });
    return manifest;
  }
  if (isOfFiles(manifest)) {
    throw new UsageError(`${which} holds files and directories, nothing for "${name}"; restore it with --target DIR`);
  }
  throw new UsageError(
    `${which} was made by the engine "${manifest.engine.name}", not by "${name}"; name a target of its engine`,
  );
}

/** Throws `UsageError` if a stream that no engine made is no dump for this target. */
function refuseForeignDumps(
  files: readonly ManifestFile[],
  which: string,
  { name, formats }: { readonly name: string; readonly formats: readonly string[] },
): void {
  const takes = (format: string) => format.split(",").every((dialect) => formats.includes(dialect));
  const foreign = files.find(({ guard }) => guard === null || guard.complete === false || !takes(guard.format));
  if (foreign === undefined) return;
  const { path, guard } = foreign;
  const format = guard === null ? "none" : guard.format;
  const what = format === "none" ? "of no known format" : guard!.complete === false ? "not whole" : format;
  throw new UsageError(
    `${which} cannot be loaded by "${name}": its stream "${path}" is ${what}, not ${formats.join(" or ")}; ` +
      adviceOn(format, takes),
  );
}

/** Programs that unpack a container. */
const UNPACKERS: Readonly<Record<string, string>> = {
  gzip: "gunzip",
  zstd: "zstd -dc",
  xz: "unxz",
  bzip2: "bunzip2",
  lz4: "lz4 -dc",
};
/** Programs that load a dump into the database `shop`. */
const LOADERS: Readonly<Record<string, string>> = {
  "mysqldump": "mariadb shop",
  "mariadb-dump": "mariadb shop",
  "pg_dump": "psql shop",
  "pg_dumpall": "psql postgres",
  "pg_dump-custom": "pg_restore --dbname=shop",
};

/** What to do about a stream of another format. `takes`: whether the target takes what is in a container. */
function adviceOn(format: string, takes: (format: string) => boolean): string {
  const containers = containersOf(format);
  const content = format.split("+").at(-1)!;
  const loader = LOADERS[content.split(",")[0]!];
  if (containers.length > 0 && loader !== undefined && takes(content)) {
    const steps = ["agent get SERIES", ...containers.map((container) => UNPACKERS[container] ?? container), loader];
    return `unpack it on the way: ${steps.join(" | ")}`;
  }
  return "restore it with -o FILE, and load it with the program that it is for";
}
