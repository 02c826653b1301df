/** How the result of a put into two repositories is told: whose warning it is, and which one has no backup. */
import { PartialError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import { formatSize } from "../../base/text/size.ts";
import type { PutResult } from "../../ops/put.ts";

/** The warnings of a put, those about its level first. With two repositories each names its own. */
export function putWarnings({ decision, warnings, repositories, manifest: { tree } }: PutResult): string[] {
  const ofSource = tree?.files === 0 ? [NO_FILE] : [];
  if (repositories === undefined) return [...decision.warnings, ...warnings, ...ofSource];
  const ofEach = repositories.flatMap(({ location, written }) => {
    if (written === undefined) return [];
    return [...written.decision.warnings, ...written.warnings].map((warning) => `${location}: ${warning}`);
  });
  return [...ofEach, ...ofSource];
}

const NO_FILE =
  "The backup has no file: all are left out or cannot be read, or a file system is not mounted; it does not count as good";

/** The error to end with if only one of two repositories has the backup; undefined otherwise. */
export function oneIsMissing({ repositories }: PutResult): PartialError | undefined {
  const failed = repositories?.find(({ error }) => error !== undefined);
  const has = repositories?.find(({ written }) => written !== undefined);
  if (failed?.error === undefined || has?.written === undefined) return undefined;
  const { series, id } = has.written.backup;
  const isMain = failed === repositories![0];
  const missing = failed.location ?? `the ${isMain ? "main" : "second"} repository`;
  const selector = `${series}@${shortId(id)}`;
  const message = `The backup ${selector} is in ${has.location}, but none is in ${missing}: ${failed.error.message}`;
  // Without the selector, a copy would also bring what the other repository has of the same streams under other ids.
  const advice = `once that works, "agent copy --from ${has.location} ${selector}" there brings it`;
  return new PartialError(`${message}; ${advice}`, { cause: failed.error });
}

/** For people: what each of two repositories got, one line each; nothing if there is one. */
export function outcomeLines({ repositories }: PutResult): string[] {
  return (repositories ?? []).flatMap(({ location, written }) => {
    if (written === undefined) return [];
    const { manifest: { level }, backup: { id, info } } = written;
    return [`  ${location}: level ${level} ${shortId(id)}, ${formatSize(info!.stored)} stored`];
  });
}
