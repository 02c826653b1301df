/** Serves repositories over HTTP on behalf of a program, as `agent serve` does. */
import { resolve } from "node:path";
import { AgentError, UsageError } from "../base/errors.ts";
import type { World } from "../ops/access.ts";
import type { Authentication } from "../server/access/authentication.ts";
import { parseListenAddresses } from "../server/connection/listener.ts";
import type { TlsFiles } from "../server/connection/tls.ts";
import type { RunningServer } from "../server/connection/http_service.ts";
import { startServer } from "../server/server.ts";

/** What is served, to whom, and where. */
export interface ServeOptions {
  /** The folder that holds the repositories; made if it is missing. */
  readonly path: string;
  /** `HOST:PORT`, `:PORT`, `[IPV6]:PORT` or `unix:PATH`; `127.0.0.1:8000` by default. Port 0 is any free one. */
  readonly listen?: string | readonly string[];
  /** Who may; by default the users of the file `.htpasswd` in the folder. */
  readonly authentication?: Authentication;
  /** Whether other machines may use the server although it asks for no password. */
  readonly allowOpenToOthers?: boolean;
  /** Whether users reach only repositories below their own name. */
  readonly privateRepositories?: boolean;
  /** Whether nothing but locks may be removed. */
  readonly appendOnly?: boolean;
  /** The limit for all repositories together, in bytes. */
  readonly limitBytes?: number;
  /** Whether the metrics can be read without credentials. */
  readonly openMetrics?: boolean;
  /** Certificate and key, for HTTPS. */
  readonly tls?: TlsFiles;
  /** Receives whole lines of the access log. */
  readonly writeLog?: (lines: string) => Promise<void>;
}

const USUAL_ADDRESS = "127.0.0.1:8000";

/** Starts a server. Throws what `startServer` throws. */
export async function serveRepositories(
  { path, listen = USUAL_ADDRESS, ...options }: ServeOptions,
  { clock, randomBytes, onProblem }: World,
): Promise<RunningServer> {
  if (path === "") throw new UsageError("Say which folder to serve: the path is empty");
  const folder = resolve(path);
  const addresses = typeof listen === "string" ? [listen] : listen;
  return await startServer({
    path: folder,
    listen: parseListenAddresses(addresses),
    authentication: options.authentication ?? { method: "htpasswd", path: `${folder}/.htpasswd` },
    allowOpenToOthers: options.allowOpenToOthers ?? false,
    rules: {
      appendOnly: options.appendOnly ?? false,
      privateRepositories: options.privateRepositories ?? false,
    },
    limitBytes: options.limitBytes ?? Infinity,
    openMetrics: options.openMetrics ?? false,
    ...options.tls && { tls: options.tls },
    ...options.writeLog && { writeLog: options.writeLog },
    onProblem: (message) => onProblem?.(new AgentError(message)),
    clock,
    random: randomBytes,
  });
}
