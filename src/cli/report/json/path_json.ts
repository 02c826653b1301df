/** Paths of files in `--json` output: readable, and exactly if they are not UTF-8. */
import { bytesOfByteString } from "../../../format/byte_string.ts";
import { encodeBase64 } from "../../../format/json/base64.ts";

/** The fields of a path, a byte string (`byte_string.ts`). */
export function pathJson(path: string): { readonly path: string; readonly pathBytes?: string } {
  if (path.isWellFormed()) return { path };
  return { path: path.toWellFormed(), pathBytes: encodeBase64(bytesOfByteString(path)) };
}
