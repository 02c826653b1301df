/** Serves what signed URLs name on behalf of a program, as `agent gateway` does. */
import { AgentError } from "../base/errors.ts";
import { startGateway } from "../gateway/gateway.ts";
import { parseListenAddresses } from "../server/connection/listener.ts";
import type { RunningServer } from "../server/connection/http_service.ts";
import type { TlsFiles } from "../server/connection/tls.ts";
import type { AgentParts } from "./opening/agent_parts.ts";

/** Where a gateway is, and how it is reached. */
export interface GatewayOptions {
  /** `HOST:PORT`, `:PORT`, `[IPV6]:PORT` or `unix:PATH`; `127.0.0.1:8088` by default. Port 0 is any free one. */
  readonly listen?: string | readonly string[];
  /** Whether it may speak plain HTTP on addresses that other machines can reach. */
  readonly allowPlainToOthers?: boolean;
  /** Certificate and key, for HTTPS. */
  readonly tls?: TlsFiles;
  /** Whether no lock is taken, for stores that cannot be written to. */
  readonly noLock?: boolean;
  /** Receives whole lines of the access log, which hold no signatures. */
  readonly writeLog?: (lines: string) => Promise<void>;
}

const USUAL_ADDRESS = "127.0.0.1:8088";

/** Starts a gateway. Throws what `startGateway` throws. */
export async function serveSignedUrls(
  { listen = USUAL_ADDRESS, allowPlainToOthers = false, tls, noLock = false, writeLog }: GatewayOptions,
  { access, world }: Pick<AgentParts, "access" | "world">,
  signal: AbortSignal,
): Promise<RunningServer> {
  return await startGateway(access, {
    listen: parseListenAddresses(typeof listen === "string" ? [listen] : listen),
    allowPlainToOthers,
    tls,
    noLock,
    writeLog,
    onProblem: (message) => world.onProblem?.(new AgentError(message)),
    world,
    signal,
  });
}
