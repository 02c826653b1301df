/** Lets a server run until a signal ends it, and tells the service manager. */
import type { RunningServer } from "../../server/connection/http_service.ts";
import { notifyServiceManager } from "../../server/connection/service_manager.ts";
import type { CliContext } from "../context.ts";
import { servedJson } from "../report/json/machine_json.ts";
import { writeJson, writeLine } from "../terminal/write.ts";

/** How long pending requests may take after a signal. A service manager kills the server after 90 seconds. */
const GRACE_MS = 30_000;
/** How long the command may take to end after a signal: closing the server takes a moment more than the requests. */
const END_MS = GRACE_MS + 5_000;

/**
 * Tells where a server is, and lets it run until the signal of the context. Pending requests may end then. `what` is
 * what it serves, as the end of a sentence.
 */
export async function runUntilSignal(
  server: RunningServer,
  what: string,
  { json, quiet }: { readonly json?: true | undefined; readonly quiet?: true | undefined },
  { env, signal, stderr, stdout, extendTidyUp }: CliContext,
): Promise<void> {
  const socket = env("NOTIFY_SOCKET");
  for (const place of server.places) {
    if (json) await writeJson(stdout, servedJson(place));
    else if (!quiet) await writeLine(stderr, `Serving ${what} at ${place.url}`);
  }
  extendTidyUp?.(END_MS);
  const notices = socket ? [notifyServiceManager("ready")] : [];
  await aborted(signal);
  if (socket) notices.push(notifyServiceManager("stopping"));
  await Promise.all([...notices, server.close(GRACE_MS)]);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) return done();
    signal.addEventListener("abort", () => done(), { once: true });
  });
}
