/** Where a server listens: on a TCP address, a unix socket, or a socket that the service manager opened. */
import { chmod, lstat, unlink } from "node:fs/promises";
import { connect, type Server } from "node:net";
import { AgentError, messageOf, UsageError } from "../../base/errors.ts";
import { osCode } from "../../store/local/local_errors.ts";
import { isLoopbackHost } from "./addresses.ts";

/** An address to listen on. `port` 0 picks any free port; an empty `host` means all addresses. */
export type ListenAddress =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "descriptor"; readonly descriptor: number };

/** The group may connect, since a reverse proxy has its own user. */
const UNIX_SOCKET_MODE = 0o660;
const BACKLOG = 1024;

/** The first file descriptor that a service manager passes. Source: sd_listen_fds(3). */
const FIRST_HANDED_DESCRIPTOR = 3;

/** Parses `HOST:PORT`, `:PORT`, `[IPV6]:PORT` or `unix:PATH`. Throws `UsageError`. */
export function parseListenAddress(text: string): ListenAddress {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length);
    if (path !== "") return { kind: "unix", path };
  }
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]\s/]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3] ?? NaN);
  if (match && port <= 65535) return { kind: "tcp", host: match[1] ?? match[2]!, port };
  throw new UsageError(`Not an address: "${text}"; write HOST:PORT, :PORT, [IPV6]:PORT or unix:PATH`);
}

/**
 * The sockets that a service manager passed to this process, by the variables LISTEN_FDS and LISTEN_PID; none if it
 * passed none. Throws `UsageError` if LISTEN_FDS is not a valid number of sockets.
 */
export function handedSockets(
  variables: { readonly fds: string | undefined; readonly pid: string | undefined },
  processId: number,
): ListenAddress[] {
  if (variables.fds === undefined || variables.pid !== String(processId)) return [];
  const count = /^\d{1,3}$/.test(variables.fds) ? Number(variables.fds) : 0;
  if (count === 0) throw new UsageError(`The service manager hands over "${variables.fds}" sockets; look at its unit`);
  return Array.from({ length: count }, (_, i) => ({ kind: "descriptor", descriptor: FIRST_HANDED_DESCRIPTOR + i }));
}

/** Parses addresses to listen on. Throws `UsageError` if one is malformed or takes the port of another. */
export function parseListenAddresses(texts: readonly string[]): ListenAddress[] {
  const addresses = texts.map(parseListenAddress);
  for (const [i, text] of texts.entries()) {
    const rival = addresses.findIndex((address, j) => j !== i && isTakenBy(address, addresses[i]!));
    if (rival >= 0) {
      throw new UsageError(`--listen ${text} takes all that ${texts[rival]} would; leave out ${texts[rival]}`);
    }
  }
  return addresses;
}

/** Whether listening on `other` makes it impossible to listen on `address`. */
function isTakenBy(address: ListenAddress, other: ListenAddress): boolean {
  if (address.kind === "unix") return other.kind === "unix" && address.path === other.path;
  if (address.kind !== "tcp" || other.kind !== "tcp" || address.port !== other.port || address.port === 0) return false;
  if (address.host === other.host) return true;
  // A socket for all IPv6 addresses also takes the IPv4 addresses.
  if (other.host === "" || other.host === "::") return true;
  return other.host === "0.0.0.0" && !address.host.includes(":") && address.host !== "";
}

/** Whether only this machine can reach an address; undefined if that is known only once the socket is open. */
export function isLocalAddress(address: ListenAddress): boolean | undefined {
  if (address.kind === "descriptor") return undefined;
  return address.kind === "unix" || isLoopbackHost(address.host);
}

/** The address on which a server actually listens. */
export interface BoundAddress {
  /** `127.0.0.1:8000`, `[::1]:8000` or `unix:/run/agent.sock`. */
  readonly text: string;
  readonly isLocal: boolean;
}

/** Makes a server listen. Throws `AgentError` if it cannot. */
export async function listen(server: Server, address: ListenAddress): Promise<BoundAddress> {
  try {
    if (address.kind === "unix") await removeStaleSocket(address.path);
    await bind(server, address);
    if (address.kind === "unix") await chmod(address.path, UNIX_SOCKET_MODE);
  } catch (thrown) {
    throw thrown instanceof AgentError ? thrown : listenError(address, thrown);
  }
  return boundAddress(server, address);
}

/** Removes the socket file of a server that has stopped listening, if it is still there. */
export async function removeSocket(address: ListenAddress): Promise<void> {
  if (address.kind !== "unix") return;
  try {
    await unlink(address.path);
  } catch (thrown) {
    if (osCode(thrown) !== "ENOENT") throw thrown;
  }
}

function bind(server: Server, address: ListenAddress): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.once("listening", () => {
    server.off("error", reject);
    resolve();
  });
  if (address.kind === "unix") server.listen({ path: address.path, backlog: BACKLOG });
  else if (address.kind === "descriptor") server.listen({ fd: address.descriptor, backlog: BACKLOG });
  else server.listen({ host: address.host || undefined, port: address.port, backlog: BACKLOG });
  return promise;
}

function boundAddress(server: Server, address: ListenAddress): BoundAddress {
  const bound = server.address();
  if (address.kind === "unix") return { text: `unix:${address.path}`, isLocal: true };
  if (bound === null || typeof bound === "string") return { text: `unix:${bound ?? ""}`, isLocal: true };
  const host = bound.address.includes(":") ? `[${bound.address}]` : bound.address;
  return { text: `${host}:${bound.port}`, isLocal: isLoopbackHost(bound.address) };
}

/**
 * Removes a socket file on which no server listens. Throws `AgentError` if one does, or if the file is not a socket.
 */
async function removeStaleSocket(path: string): Promise<void> {
  try {
    if (!(await lstat(path)).isSocket()) {
      throw new AgentError(`Cannot listen on "${path}": it exists and is no socket; name another path`);
    }
  } catch (thrown) {
    if (osCode(thrown) === "ENOENT") return;
    throw thrown;
  }
  if (await answers(path)) throw new AgentError(`Cannot listen on "${path}": another server does; end it first`);
  await unlink(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

function listenError(address: ListenAddress, thrown: unknown): AgentError {
  const place = address.kind === "tcp"
    ? `${address.host}:${address.port}`
    : address.kind === "unix"
    ? address.path
    : `file descriptor ${address.descriptor}`;
  return new AgentError(`Cannot listen on "${place}": ${LISTEN_PROBLEMS[osCode(thrown) ?? ""] ?? messageOf(thrown)}`, {
    cause: thrown,
  });
}

const LISTEN_PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program listens there; choose another port or end it",
  EADDRNOTAVAIL: "this machine does not have that address; choose another",
  EACCES: "permission denied; choose a port above 1023, or a folder that may be written to",
  ENOTFOUND: "there is no host of that name; write an address",
  ENOENT: "the folder of the socket does not exist; make it first",
};
