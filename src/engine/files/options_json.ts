/** How files were read, for manifests. */
import { bytesOfByteString } from "../../format/byte_string.ts";
import type { JsonObject } from "../../format/json/json_text.ts";
import { readableBytes } from "../../filesystem/names.ts";
import type { FilesRequest } from "./files_request.ts";
import { pathBelow } from "./walk/open_below.ts";

/** The PATHs and rules. What is not given is left out. Bytes that are no text are escaped, for people. */
export function optionsOf({ base, selection, changes, withAtime }: FilesRequest): JsonObject {
  const { roots, excluded, excludedIgnoringCase, markers, largestFileBytes, oneFileSystem } = selection;
  const paths = roots.map((path) => textOf(pathBelow(base, path)));
  const present = markers.map(({ name, header }) => textOf(header === null ? name : `${name}:${header}`));
  return {
    paths,
    ...base !== undefined && { base: textOf(base) },
    ...excluded.length > 0 && { exclude: excluded.map(textOf) },
    ...excludedIgnoringCase.length > 0 && { iexclude: excludedIgnoringCase.map(textOf) },
    ...present.length > 0 && { excludeIfPresent: present },
    ...largestFileBytes !== null && { excludeLargerThan: largestFileBytes },
    ...oneFileSystem && { oneFileSystem },
    ...changes.readAll && { force: true },
    ...!changes.compareCtime && { ignoreCtime: true },
    ...!changes.compareInode && { ignoreInode: true },
    ...withAtime && { withAtime },
  };
}

function textOf(text: string): string {
  return text.isWellFormed() ? text : readableBytes(bytesOfByteString(text));
}
