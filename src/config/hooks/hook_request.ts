/** Hooks that are HTTP calls. */
import { AgentError, UsageError } from "../../base/errors.ts";
import { printableLine } from "../../engine/words.ts";
import type { HttpAnswer } from "../../store/http/client.ts";
import { openHttpClient } from "../../store/http/http_client.ts";
import { isWebPage } from "../../store/http/web_page.ts";
import type { Hook, HookMachine } from "./hook.ts";

/** Nobody reads an answer. Its first line tells people why a call failed. */
const MOST_ANSWER_BYTES = 1024 * 1024;
const MOST_QUOTED_CHARACTERS = 200;

/** Where to, and what. */
interface PostRequest extends Pick<Hook, "timeoutMs"> {
  readonly url: string;
  /** JSON. */
  readonly content: Uint8Array;
  /** Ends the call. The promise then rejects with the signal's reason. */
  readonly signal: AbortSignal;
}

/**
 * Posts JSON to a URL. Throws `AgentError` if the server cannot be reached, or answers with a status of 300 or more:
 * redirects are not followed. Messages name the server only, because the path of such a URL is often a secret.
 */
export async function postHook(request: PostRequest, machine: Pick<HookMachine, "clock" | "network">): Promise<void> {
  const url = parseHookUrl(request.url);
  const { userAgent, caCertificates, proxies } = await machine.network();
  // What identifies this client to the repository's server is not shown to others.
  const client = openHttpClient({
    ...userAgent !== undefined && { userAgent },
    ...caCertificates && { caCertificates },
    ...proxies && { proxies },
    connections: 1,
    clock: machine.clock,
    stallMs: request.timeoutMs,
  });
  try {
    const answer = await client.send({
      method: "POST",
      url,
      headers: { "content-type": "application/json" },
      content: [request.content],
      mostBytes: MOST_ANSWER_BYTES,
      signal: request.signal,
    });
    if (answer.status >= 300) throw refusal(answer, url.origin);
  } finally {
    await client.close();
  }
}

function parseHookUrl(text: string): URL {
  const url = URL.parse(text);
  // A user and a password would not be sent.
  if (url && ["http:", "https:"].includes(url.protocol) && url.username === "" && url.password === "") return url;
  throw new UsageError("its URL cannot be used; write https://HOST/PATH, without a user and a password");
}

function refusal({ status, body }: HttpAnswer, origin: string): AgentError {
  if (status < 400) {
    return new AgentError(`${origin} answered ${status}, and redirects are not followed; name the address it leads to`);
  }
  const text = isWebPage(body) ? "" : new TextDecoder().decode(body).trimStart().split(/[\r\n]/, 1)[0]!;
  const said = printableLine(text).slice(0, MOST_QUOTED_CHARACTERS);
  return new AgentError(`${origin} answered ${status}${said === "" ? "" : `: ${said}`}`);
}
