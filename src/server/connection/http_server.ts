/** The HTTP server of the runtime as this program wants it, and its answer to what is no request. */
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Duplex } from "node:stream";
import type { Patience } from "./connections.ts";
import type { TlsFiles } from "./tls.ts";

const MOST_HEADER_BYTES = 16 * 1024;
/** So many more than there are places, to look who has to leave. */
const SPARE_CONNECTIONS = 64;
/** Headers that do not end are looked for so often in the time they have. */
const LOOKS_PER_PATIENCE = 6;

/** A server that does not listen yet. */
export function makeHttpServer({ headersMs, idleMs, mostConnections }: Patience, tls: TlsFiles | undefined): Server {
  const limits = {
    // What a head has to be like is judged by the handler, so that a refusal gets into the log.
    requireHostHeader: false,
    maxHeaderSize: MOST_HEADER_BYTES,
    headersTimeout: headersMs,
    // Bodies may take as long as they move; whether they do is looked after by `Connections`.
    requestTimeout: 0,
    keepAliveTimeout: idleMs,
    connectionsCheckingInterval: Math.ceil(headersMs / LOOKS_PER_PATIENCE),
  };
  const server = tls
    ? createTlsServer({
      ...limits,
      cert: tls.certificate,
      key: tls.key,
      minVersion: "TLSv1.2",
      handshakeTimeout: headersMs,
    })
    : createServer(limits);
  // Of those in their handshake there may be as many again; `Connections` decides who has to leave.
  server.maxConnections = 2 * mostConnections + SPARE_CONNECTIONS;
  // Headers are limited by their bytes; one that was left out for their number could be the one that counts.
  server.maxHeadersCount = 0;
  // The types do not know it: a client that ends its side after a request still gets the answer.
  Object.assign(server, { httpAllowHalfOpen: true });
  return server;
}

/** Why something could not be read. */
export interface MalformedError {
  readonly code?: string | undefined;
}

/** Answers what could not be read as a request; the connection ends. */
export function answerMalformed(error: MalformedError, socket: Duplex): void {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const status = STATUS_BY_PROBLEM[error.code ?? ""] ?? "400 Bad Request";
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}

const STATUS_BY_PROBLEM: Readonly<Record<string, string>> = {
  CONNECT: "405 Method Not Allowed",
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
};
