/**
 * Downloads with `fetch`, which reads a body straight into its final memory. node:http allocates a buffer for every
 * piece, which takes four times the processor time.
 */
import type { Clock } from "../../base/clock.ts";
import type { AgentError } from "../../base/errors.ts";
import { announcedBytes, type BodyLimits, bodyOf, tooShort } from "./answer_body.ts";
import type { HttpAnswer, HttpRequest } from "./client.ts";
import { brokenOff, networkError, stalled } from "./network_errors.ts";
import type { RateLimiter } from "./rate_limit.ts";
import { StallWatch } from "./stall.ts";

/** What a download needs from its client. */
export interface DownloadLine {
  readonly client: Deno.HttpClient;
  /** The server's name in messages. */
  readonly originOf: (url: URL) => string;
  readonly clock: Clock;
  readonly stallMs: number;
  readonly downloadLimit: RateLimiter | undefined;
}

/** The most that is read at once. */
const PIECE_BYTES = 256 * 1024;

/**
 * Sends a GET request and returns its answer, as `HttpClient.send` does. Returns undefined if no answer began: the
 * caller then asks node:http, whose errors have codes that say why.
 */
export async function download(request: HttpRequest, line: DownloadLine): Promise<HttpAnswer | undefined> {
  const stop = new AbortController();
  const watch = new StallWatch(line.stallMs, line.clock);
  const over = new AbortController();
  void watch.watch(over.signal).then((isStalled) => {
    if (isStalled) stop.abort(stalled(line.originOf(request.url), line.stallMs));
  });
  const signal = request.signal ? AbortSignal.any([request.signal, stop.signal]) : stop.signal;
  try {
    const response = await begin(request, line.client, signal);
    return response && await answerOf(response, { request, line, watch, signal });
  } catch (thrown) {
    signal.throwIfAborted();
    throw failure(thrown, line.originOf(request.url));
  } finally {
    over.abort();
    stop.abort();
  }
}

/** Undefined if no answer began. */
async function begin(request: HttpRequest, client: Deno.HttpClient, signal: AbortSignal) {
  try {
    return await fetch(request.url, {
      client,
      // A compressed body would not have the announced length.
      headers: { ...request.headers, "accept-encoding": "identity" },
      redirect: "manual",
      signal,
    });
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

interface Download {
  readonly request: HttpRequest;
  readonly line: DownloadLine;
  readonly watch: StallWatch;
  readonly signal: AbortSignal;
}

async function answerOf(response: Response, download: Download): Promise<HttpAnswer> {
  const { request, line } = download;
  download.watch.moved();
  const headers = new Map(response.headers);
  const limits = { mostBytes: request.mostBytes, isEmpty: response.body === null, origin: line.originOf(request.url) };
  // A length beside a transfer encoding means nothing (RFC 9112, section 6.3).
  const hasLength = !limits.isEmpty && !headers.has("transfer-encoding");
  const length = hasLength ? announcedBytes(headers.get("content-length"), limits) : undefined;
  const body = length === undefined
    ? await growingBody(response, limits, download)
    : await measuredBody(response.body!, length, limits, download);
  return { status: response.status, headers, body };
}

/** Reads a body of known length into its final memory. */
async function measuredBody(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  length: number,
  limits: BodyLimits,
  download: Download,
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = stream.getReader({ mode: "byob" });
  const most = download.line.downloadLimit?.pieceBytes ?? PIECE_BYTES;
  let bytes = new Uint8Array(length);
  for (let filled = 0; filled < length;) {
    const { value } = await reader.read(bytes.subarray(filled, filled + most));
    if (value === undefined || value.length === 0) throw tooShort(filled, length, limits);
    // The read transferred the buffer; the old view can no longer be used.
    bytes = new Uint8Array(value.buffer);
    filled += value.length;
    await moved(value.length, download);
  }
  // The connection is reused only if the body was read to its end.
  await reader.read(new Uint8Array(1));
  return bytes;
}

/** Reads a body of unannounced length. */
async function growingBody(response: Response, limits: BodyLimits, download: Download) {
  const body = bodyOf(undefined, limits);
  for await (const piece of response.body ?? []) {
    body.add(piece);
    await moved(piece.length, download);
  }
  return body.end();
}

/** A `TypeError` that `fetch` throws in the middle of a body says only that the connection broke off. */
function failure(thrown: unknown, origin: string): AgentError {
  return thrown instanceof TypeError ? brokenOff(origin, thrown) : networkError(thrown, origin);
}

async function moved(bytes: number, { line, watch, signal }: Download): Promise<void> {
  watch.moved();
  if (line.downloadLimit) await watch.hold(line.downloadLimit.pass(bytes, signal));
}
