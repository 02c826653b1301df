/** Web pages that come instead of what was asked for: of a proxy, a login, or a server of another kind. */
import type { HttpAnswer } from "./client.ts";

/** Whether a body is a web page. Its type is no evidence: servers guess that from the first bytes. */
export function isWebPage(body: Uint8Array): boolean {
  return /^\s*<(!doctype|html)/i.test(new TextDecoder().decode(body.subarray(0, 100)));
}

/** Whether an answer without a body calls what it would send a web page: encrypted bytes are called that by no server. */
export function isHtml({ headers }: HttpAnswer): boolean {
  return /^text\/html\b/i.test(headers.get("content-type") ?? "");
}
