/** A gateway: opens a repository once, and serves what signed URLs name. */
import { onAbort } from "../base/abort.ts";
import { type AgentError, LockedError, UsageError } from "../base/errors.ts";
import type { RepositoryAccess, World } from "../ops/access.ts";
import { openServedRepository, type ServedRepository } from "../ops/gateway/served_repository.ts";
import { UrlKeys } from "../ops/gateway/url_keys.ts";
import { type Patience, USUAL_PATIENCE } from "../server/connection/connections.ts";
import { HttpService, type RunningServer } from "../server/connection/http_service.ts";
import type { BoundAddress, ListenAddress } from "../server/connection/listener.ts";
import { affordablePatience } from "../server/connection/open_file_limit.ts";
import { checkTls, type TlsFiles } from "../server/connection/tls.ts";
import { GatewayHandler, withoutSignature } from "./gateway_handler.ts";

/** The configuration of a gateway. */
interface GatewayOptions {
  /** At least one address. */
  readonly listen: readonly ListenAddress[];
  /** Whether it may speak plain HTTP on addresses that other machines can reach. */
  readonly allowPlainToOthers: boolean;
  /** Certificate (with its chain) and key in PEM; without them the gateway speaks plain HTTP. */
  readonly tls?: TlsFiles | undefined;
  /** Whether no lock is taken, for stores that cannot be written to. */
  readonly noLock: boolean;
  /** Receives whole lines of the access log; without it there is no log. */
  readonly writeLog?: ((lines: string) => Promise<void>) | undefined;
  /** Called for problems that the gateway survives. */
  readonly onProblem: (message: string) => void;
  readonly world: World;
  /** Stops the start. */
  readonly signal?: AbortSignal | undefined;
  readonly patience?: Partial<Patience>;
  /** How many downloads may be under way at a time. */
  readonly mostDownloads?: number;
}

/** Each takes up to some 2 MiB, most of them a third of that. */
const MOST_DOWNLOADS = 128;
/** Fewer than those of a store, whose clients are many machines for hours. */
const PLACES = { mostConnections: 1024, mostOfOneClient: 256 };
/** Files that one connection may hold open: its socket, and a pack that is being read. */
const FILES_A_CONNECTION = 2;

/**
 * Starts a gateway. Throws `UsageError` for a certificate and key that do not match, and if other machines could listen
 * in, unless `allowPlainToOthers` is set. Throws what opening the repository throws, and `AgentError` if an address
 * cannot be used.
 */
export async function startGateway(access: RepositoryAccess, options: GatewayOptions): Promise<RunningServer> {
  const { world, noLock, tls, onProblem, signal } = options;
  if (tls) checkTls(tls, world.clock.now(), onProblem);
  const ending = new AbortController();
  using _stopping = signal && onAbort(signal, () => ending.abort(signal.reason));
  const told = { ...world, onProblem: ({ message }: AgentError) => onProblem(message) };
  const served = await openServedRepository(access, { world: told, signal: ending.signal, noLock });
  try {
    await prepare(served, onProblem);
    const running = await (await serviceOf(served, ending.signal, options)).start();
    let closing: Promise<void> | undefined;
    return {
      places: running.places,
      async close(graceMs) {
        await running.close(graceMs);
        ending.abort();
        await (closing ??= served[Symbol.asyncDispose]());
      },
    };
  } catch (error) {
    ending.abort();
    await served[Symbol.asyncDispose]();
    throw error;
  }
}

/** Finds out early what would make every answer fail. Somebody else's lock ends by itself. */
async function prepare(served: ServedRepository, onProblem: (message: string) => void): Promise<void> {
  try {
    await served.prepare();
  } catch (error) {
    if (!(error instanceof LockedError)) throw error;
    onProblem(`${error.message}; until then the gateway answers that it is locked`);
  }
}

async function serviceOf(
  served: ServedRepository,
  signal: AbortSignal,
  options: GatewayOptions,
): Promise<HttpService> {
  const { listen, tls, writeLog, onProblem, world: { clock }, patience, mostDownloads = MOST_DOWNLOADS } = options;
  const { repository } = served;
  const keys = new UrlKeys({ repository, openIndex: () => served.openIndex(), signal, clock });
  const handler = new GatewayHandler({ served, keys, clock, onProblem, mostDownloads });
  const wanted = { ...USUAL_PATIENCE, ...PLACES, ...patience };
  return new HttpService({
    listen,
    tls,
    writeLog,
    onProblem,
    clock,
    patience: await affordablePatience(wanted, { filesEach: FILES_A_CONNECTION, isTls: tls !== undefined, onProblem }),
    loggedUrl: withoutSignature,
    checkReach: (bound) => requireReach(bound, options),
    answer: (exchange) => handler.handle(exchange),
  });
}

/** Throws `UsageError` if signatures would travel in plain text to other machines, unless the options allow it. */
function requireReach(bound: BoundAddress, { tls, allowPlainToOthers }: GatewayOptions): void {
  if (bound.isLocal || tls !== undefined || allowPlainToOthers) return;
  throw new UsageError(
    `Without TLS everybody on the way to ${bound.text} could read the URLs and what they give; use --tls, listen on ` +
      "127.0.0.1 behind a reverse proxy, or allow that with --insecure",
  );
}
