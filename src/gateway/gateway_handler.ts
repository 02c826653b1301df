/** Answers the requests of a gateway: reads what the signed URL names, and gives that and nothing else. */
import type { Clock } from "../base/clock.ts";
import { InterruptedError, LockedError, messageOf, TemporaryError, UsageError } from "../base/errors.ts";
import { Semaphore } from "../base/limits.ts";
import type { ContentChoice, ServedContent } from "../ops/gateway/served_content.ts";
import { ForgottenError, type ServedRepository } from "../ops/gateway/served_repository.ts";
import type { UrlKeys } from "../ops/gateway/url_keys.ts";
import { answerOrRefuse } from "../server/connection/answering.ts";
import type { Exchange } from "../server/connection/exchange.ts";
import { Refusal } from "../server/refusal.ts";
import { AnswerBody } from "./answer_body.ts";
import { contentHeaders, entityTag, SAFE_HEADERS } from "./answer_headers.ts";
import { readSignedUrl, type UrlReading, type UrlTarget } from "./signed_url.ts";
import { wantedPart } from "./wanted_part.ts";

/** What a handler works with. */
interface HandlerOptions {
  readonly served: ServedRepository;
  readonly keys: UrlKeys;
  readonly clock: Clock;
  /** Called for failures that are not the client's fault. */
  readonly onProblem: (message: string) => void;
  /** How many downloads may be under way at a time. */
  readonly mostDownloads: number;
}

/** When a client that is told to wait may come again, in seconds. */
const SOON_SECONDS = 10;

/** Answers the requests of a whole gateway. */
export class GatewayHandler {
  readonly #options: HandlerOptions;
  readonly #downloads: Semaphore;

  /** No download is under way yet. */
  constructor(options: HandlerOptions) {
    this.#options = options;
    this.#downloads = new Semaphore(options.mostDownloads);
  }

  /** Answers one request, whatever happens. Never throws. */
  handle(exchange: Exchange): Promise<void> {
    return answerOrRefuse(exchange, {
      answer: (exchange) => this.#answer(exchange),
      refusalOf: (exchange, thrown) => this.#refusalOf(exchange, thrown),
      refusalHeaders: SAFE_HEADERS,
      onFailure: (exchange, thrown) => this.#tell(exchange, thrown),
    });
  }

  async #answer(exchange: Exchange): Promise<void> {
    const target = await this.#targetOf(exchange);
    using download = this.#downloads.tryTake();
    if (download === undefined) throw later("The gateway has as many downloads under way as it can; try again");
    const { served } = this.#options;
    await served.read(target.snapshot, choiceOf(target), (content) => give(exchange, content));
  }

  /** What a request may have. Throws `Refusal` if that is nothing. */
  async #targetOf({ method, url }: Exchange): Promise<UrlTarget> {
    const { keys, clock } = this.#options;
    const read = (valid: Parameters<typeof readSignedUrl>[0]) =>
      readSignedUrl(valid, { method, url }, clock.now().getTime());
    // Only what has the form of a signed URL is worth a look into the repository.
    const unsigned = read([]);
    const reading = unsigned.refusal === "signature" ? read(await keys.current()) : unsigned;
    if (reading.target === null) throw refusalFor(reading);
    return reading.target;
  }

  /** The refusal that a client sees for a failure, without what the backup holds besides, and without details. */
  #refusalOf(exchange: Exchange, thrown: unknown): Refusal {
    if (thrown instanceof ForgottenError) {
      return new Refusal(404, "The backup was forgotten: the repository no longer has it");
    }
    if (thrown instanceof UsageError) return new Refusal(404, "The backup does not hold what the URL names");
    if (thrown instanceof InterruptedError) return later("The gateway is ending; try again");
    if (thrown instanceof LockedError) return later("The repository is locked; try again");
    this.#tell(exchange, thrown);
    if (thrown instanceof TemporaryError) return later("The repository cannot be reached; try again");
    return new Refusal(500, "The gateway failed; its operator finds out why");
  }

  #tell({ method, url }: Exchange, thrown: unknown): void {
    this.#options.onProblem(`${method} ${withoutSignature(url)} failed: ${messageOf(thrown)}`);
  }
}

/** Where a signature may begin in a URL, however often a proxy escaped it. */
const SIGNED_FROM = /\?|%(?:25)*3f|signature(?:=|%(?:25)*3d)/i;

/** A URL as it may be logged: whoever reads the log must not be able to use it. */
export function withoutSignature(url: string): string {
  const at = url.search(SIGNED_FROM);
  return at < 0 ? url : url.slice(0, at);
}

function refusalFor({ refusal }: UrlReading): Refusal {
  if (refusal === "method") {
    return new Refusal(405, "Only GET and HEAD are served", { headers: { allow: "GET, HEAD" } });
  }
  // That an expired URL was valid once is known to whoever has it.
  if (refusal === "expired") return new Refusal(410, "The URL has expired: ask for another one");
  return new Refusal(403, "The URL is not valid: it was altered, or revoked");
}

function later(message: string): Refusal {
  return new Refusal(503, message, { headers: { "retry-after": String(SOON_SECONDS) } });
}

function choiceOf({ kind, path }: UrlTarget): ContentChoice {
  if (kind === "backup") return { kind, format: path[0] === "backup.zip" ? "zip" : "tar" };
  if (kind === "table") return { kind, stream: path.slice(0, -1).join("/"), table: path.at(-1)! };
  return { kind: "stream", path: path.join("/") };
}

/** Answers with content, as the headers of the request want it. */
async function give(exchange: Exchange, content: ServedContent): Promise<void> {
  const { tag, bytes, writeRange } = content;
  const conditions = { method: exchange.method, header: (name: string) => exchange.header(name) };
  const wanted = wantedPart(conditions, { tag, bytes, hasParts: writeRange !== null });
  const headers = { ...contentHeaders(content), "accept-ranges": writeRange === null ? "none" : "bytes" };
  switch (wanted.part) {
    case "unchanged":
      exchange.begin(304, { ...SAFE_HEADERS, etag: entityTag(tag) });
      return await exchange.end();
    case "changed":
      throw new Refusal(412, "The content is another one than the request requires");
    case "unsatisfiable":
      throw new Refusal(416, "The range begins behind the end", { headers: { "content-range": `bytes */${bytes}` } });
    case "range": {
      const range = { start: wanted.start, end: wanted.start + wanted.length };
      const body = new AnswerBody(exchange, {
        status: 206,
        headers: { ...headers, "content-range": `bytes ${range.start}-${range.end - 1}/${bytes}` },
        bytes: wanted.length,
      });
      await writeRange!(range, body);
      return await body.finish();
    }
    case "whole":
      return await giveWhole(exchange, content, headers);
  }
}

async function giveWhole(
  exchange: Exchange,
  { bytes, write }: ServedContent,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  if (exchange.method === "HEAD") {
    exchange.begin(200, { ...headers, ...bytes !== null && { "content-length": bytes } });
    return await exchange.end();
  }
  if (bytes === null && exchange.httpVersion === "1.0") {
    // Nothing would tell such a client where a broken archive ends.
    throw new Refusal(505, "An archive is sent to clients of HTTP/1.1 only");
  }
  const body = new AnswerBody(exchange, { status: 200, headers, bytes });
  await write(body);
  await body.finish();
}
