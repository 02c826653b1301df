/** The runtime's HTTP server with this program's limits, and the answer to what cannot be read as a request. */
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Duplex } from "node:stream";
import type { Patience } from "./connections.ts";
import type { TlsFiles } from "./tls.ts";

const MOST_HEADER_BYTES = 16 * 1024;
/** More connections than there are places, so that there is room to decide which one closes. */
const SPARE_CONNECTIONS = 64;
/** How often unfinished headers are looked for within their time limit. */
const LOOKS_PER_PATIENCE = 6;

/** Makes a server that does not listen yet. */
export function makeHttpServer({ headersMs, idleMs, mostConnections }: Patience, tls: TlsFiles | undefined): Server {
  const limits = {
    // The handler checks the head itself, so that a refusal is logged.
    requireHostHeader: false,
    maxHeaderSize: MOST_HEADER_BYTES,
    headersTimeout: headersMs,
    // A body may take any time while it makes progress; `Connections` watches that.
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
  // Connections in their handshake get as many places again; `Connections` decides which ones close.
  server.maxConnections = 2 * mostConnections + SPARE_CONNECTIONS;
  // Headers are limited by size. A limit on their number would drop some silently, perhaps an important one.
  server.maxHeadersCount = 0;
  // The type lacks this option: a client that ends its side after a request still gets the answer.
  Object.assign(server, { httpAllowHalfOpen: true });
  return server;
}

/** Why data could not be read. */
export interface MalformedError {
  readonly code?: string | undefined;
}

/** Answers data that could not be read as a request, and ends the connection. */
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
