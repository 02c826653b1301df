/**
 * Downloads over `fetch`, which reads a body straight into the memory it is for. node:http makes a buffer for every piece,
 * which takes four times the processor time.
 */
import type { Clock } from "../../base/clock.ts";
import type { AgentError } from "../../base/errors.ts";
import { announcedBytes, type BodyLimits, bodyOf, tooShort } from "./answer_body.ts";
import type { HttpAnswer, HttpRequest } from "./client.ts";
import { brokenOff, networkError, stalled } from "./network_errors.ts";
import type { RateLimiter } from "./rate_limit.ts";
import { StallWatch } from "./stall.ts";

/** What downloads need from their client. */
export interface DownloadLine {
  readonly client: Deno.HttpClient;
  /** The server's name for messages. */
  readonly originOf: (url: URL) => string;
  readonly clock: Clock;
  readonly stallMs: number;
  readonly downloadLimit: RateLimiter | undefined;
}

/** What is read at once, at most. */
const PIECE_BYTES = 256 * 1024;

/**
 * Sends a GET request and takes its answer, as `HttpClient.send` does. Gives undefined where no answer began: why the
 * server cannot be reached is for node:http to find out, whose errors have codes.
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

/** Undefined where no answer began. */
async function begin(request: HttpRequest, client: Deno.HttpClient, signal: AbortSignal) {
  try {
    return await fetch(request.url, {
      client,
      // What was compressed on the way would have another length than the one announced.
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
  // A length beside chunks means nothing (RFC 9112, section 6.3).
  const hasLength = !limits.isEmpty && !headers.has("transfer-encoding");
  const length = hasLength ? announcedBytes(headers.get("content-length"), limits) : undefined;
  const body = length === undefined
    ? await growingBody(response, limits, download)
    : await measuredBody(response.body!, length, limits, download);
  return { status: response.status, headers, body };
}

/** A body of known length, read into its place. */
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
    // The memory moved with the view: what was given away is not to be used any more.
    bytes = new Uint8Array(value.buffer);
    filled += value.length;
    await moved(value.length, download);
  }
  // Only a body that was read to its end leaves its connection to the next request.
  await reader.read(new Uint8Array(1));
  return bytes;
}

/** A body that ends where it ends. */
async function growingBody(response: Response, limits: BodyLimits, download: Download) {
  const body = bodyOf(undefined, limits);
  for await (const piece of response.body ?? []) {
    body.add(piece);
    await moved(piece.length, download);
  }
  return body.end();
}

/** What `fetch` throws of itself in the middle of a body says no more than that the rest did not come. */
function failure(thrown: unknown, origin: string): AgentError {
  return thrown instanceof TypeError ? brokenOff(origin, thrown) : networkError(thrown, origin);
}

async function moved(bytes: number, { line, watch, signal }: Download): Promise<void> {
  watch.moved();
  if (line.downloadLimit) await watch.hold(line.downloadLimit.pass(bytes, signal));
}
