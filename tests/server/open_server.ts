/** A server in this process that everybody on loopback may use: what every test of a server starts from. */
import { systemClock } from "../../src/base/clock.ts";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import type { RunningServer, ServedPlace } from "../../src/server/connection/http_service.ts";
import { type ServerOptions, startServer } from "../../src/server/server.ts";

/** Serves a folder, by default on a free port, without users, rules or limits, and tells of problems to nobody. */
export async function startOpenServer(
  path: string,
  options: Partial<ServerOptions> = {},
): Promise<RunningServer & ServedPlace> {
  const running = await startServer({
    path,
    listen: [{ kind: "tcp", host: "127.0.0.1", port: 0 }],
    authentication: { method: "none" },
    allowOpenToOthers: false,
    rules: { appendOnly: false, privateRepositories: false },
    limitBytes: Infinity,
    openMetrics: false,
    onProblem: () => {},
    clock: systemClock,
    random: systemRandomBytes,
    ...options,
  });
  return { ...running, ...running.places[0]! };
}
