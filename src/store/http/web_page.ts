/** Recognises web pages in place of the expected answer: from a proxy, a login, or another kind of server. */
import type { HttpAnswer } from "./client.ts";

/** Whether a body is a web page. The content type is no evidence: servers guess it from the first bytes. */
export function isWebPage(body: Uint8Array): boolean {
  return /^\s*<(!doctype|html)/i.test(new TextDecoder().decode(body.subarray(0, 100)));
}

/** Whether an answer without a body announces a web page. No server calls encrypted bytes that. */
export function isHtml({ headers }: HttpAnswer): boolean {
  return /^text\/html\b/i.test(headers.get("content-type") ?? "");
}
