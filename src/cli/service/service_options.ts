/** The options of commands that serve something over HTTP: addresses, TLS, the log. */
import { resolve } from "node:path";
import { AgentError, messageOf, UsageError } from "../../base/errors.ts";
import {
  handedSockets,
  isLocalAddress,
  type ListenAddress,
  parseListenAddresses,
} from "../../server/connection/listener.ts";
import type { TlsFiles } from "../../server/connection/tls.ts";
import type { CliContext } from "../context.ts";
import { writeLine } from "../terminal/write.ts";

/** What the option `--listen` says, for its help. */
export function listenMeaning(usualAddress: string): string {
  return `HOST:PORT, :PORT, [IPV6]:PORT or unix:PATH; may be repeated (default: ${usualAddress})`;
}

/** Collects the values of `--listen`. */
export function collectAddress(address: string, before: readonly string[] = []): readonly string[] {
  return [...before, address];
}

/** Refuses older runtimes, whose HTTP servers leave uploads unanswered. */
export function refuseOldRuntime({ version: { deno } }: CliContext): void {
  const [major = 0, minor = 0] = deno.split(".").map(Number);
  if (major > 2 || major === 2 && minor >= 9) return;
  throw new AgentError(
    `The server needs Deno 2.9 or later, and this executable was built with ${deno}; build it again`,
  );
}

/** The sockets that a service manager handed over, or else the addresses to listen on. */
export function serviceAddresses(listen: readonly string[], { env, world }: CliContext): ListenAddress[] {
  const handed = handedSockets({ fds: env("LISTEN_FDS"), pid: env("LISTEN_PID") }, world.identity.pid);
  if (handed.length > 0) return handed;
  // The path of a unix socket is made absolute, so that its URL works anywhere.
  return parseListenAddresses(
    listen.map((text) => text.replace(/^unix:(?=.)(.*)$/s, (_, path) => `unix:${resolve(path)}`)),
  );
}

/** The position of the first address that other machines can reach, as far as that is known yet; -1 if there is none. */
export function firstOpenAddress(addresses: readonly ListenAddress[]): number {
  return addresses.findIndex((address) => isLocalAddress(address) === false);
}

/** The options for TLS. */
interface TlsOptions {
  readonly tls?: true | undefined;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
}

/** Refuses files for TLS without TLS. */
export function checkTlsOptions({ tls, tlsCert, tlsKey }: TlsOptions): void {
  if (!tls && (tlsCert !== undefined || tlsKey !== undefined)) {
    throw new UsageError("--tls-cert and --tls-key need --tls: add it");
  }
}

/** Certificate and key; undefined without TLS. Throws `UsageError` if a file cannot be used. */
export async function tlsFiles(
  { tls, tlsCert, tlsKey }: TlsOptions,
  usual: { readonly certificate: string; readonly key: string } | null,
): Promise<TlsFiles | undefined> {
  if (!tls) return undefined;
  const [certificate, key] = [tlsCert ?? usual?.certificate, tlsKey ?? usual?.key];
  if (certificate === undefined || key === undefined) {
    throw new UsageError("--tls needs a certificate and its key: add --tls-cert FILE and --tls-key FILE");
  }
  return { certificate: await pemFile(certificate, "--tls-cert"), key: await pemFile(key, "--tls-key") };
}

async function pemFile(path: string, option: string): Promise<string> {
  try {
    const text = await Deno.readTextFile(path);
    if (text.includes("-----BEGIN ")) return text;
  } catch (thrown) {
    throw new UsageError(`Cannot read "${path}" of ${option}: ${messageOf(thrown)}`, { cause: thrown });
  }
  throw new UsageError(`Cannot use "${path}" of ${option}: it is not a PEM file`);
}

/** Writes the access log. Each write opens the file anew, so that after a rotation the new file is used. */
export function accessLogWriter(
  log: string | undefined,
  { stdout }: CliContext,
): ((lines: string) => Promise<void>) | undefined {
  if (log === undefined) return undefined;
  const encoder = new TextEncoder();
  if (log === "-") return (lines) => stdout.write(encoder.encode(lines));
  const path = resolve(log);
  return (lines) => Deno.writeTextFile(path, lines, { append: true, mode: 0o640 });
}

/** Tells people of a problem that the service survives. */
export function serviceProblemTeller({ stderr }: CliContext): (message: string) => void {
  return (message) => void writeLine(stderr, `agent: ${message.replaceAll("\n", " ")}`);
}
