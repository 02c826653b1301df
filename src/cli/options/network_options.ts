/** The options of every command that say how to get to repositories on other machines. */
import { Command, Option } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import { formatDuration } from "../../base/text/duration.ts";
import { parseSize } from "../../base/text/size.ts";
import type { NetworkOptions, Proxies } from "../../store/http/client.ts";
import type { Retry } from "../../store/retry.ts";
import { retryJson } from "../report/json/standard_error.ts";
import type { CliContext } from "../context.ts";
import type { OptionsOf } from "../specification.ts";
import { writeJson, writeLine } from "../terminal/write.ts";
import { collect } from "./repeated_options.ts";
import { readTextFile } from "../text_file.ts";

/** Failures that are over sooner are nobody's concern. */
const SILENT_DELAY_MS = 1000;

/** The options, to be added to commands. */
export const NETWORK_OPTIONS = new Command()
  .optionsGroup("Repositories on other machines:")
  .addOption(new Option("--cacert <file>", "trust these authorities, too (PEM; AGENT_CACERT)"))
  .addOption(
    new Option("--tls-client-cert <file>", "certificate and key of this client (PEM; AGENT_TLS_CLIENT_CERT)"),
  )
  .addOption(new Option("--insecure-tls", "take any certificate: anybody in between can read and change requests"))
  .addOption(new Option("--limit-upload <rate>", "a second at most: KiB, or a size such as 5M"))
  .addOption(new Option("--limit-download <rate>", "a second at most: KiB, or a size such as 5M"))
  .addOption(noCacheOption())
  .addOption(new Option("--cache-dir <dir>", "where to keep them (AGENT_CACHE_DIR, ~/.cache/agent)"))
  .addOption(
    new Option("--option <name=value>", "a setting such as s3.region=eu-west-1; may be repeated").argParser(collect),
  );

/**
 * Commander would make it a `cache` that is true by default, and so above the one given before the command. Its type has
 * the flag that commander would name `noCache`.
 */
function noCacheOption() {
  const option = new Option("--no-cache", "keep no copies of indexes, snapshots and trees on this machine");
  option.negate = false;
  return option as Option as Option<"--noCache">;
}

/** The values of these options as they were given. */
type NetworkOptionValues = OptionsOf<typeof NETWORK_OPTIONS>;

/** How to get to servers. Throws `UsageError`, and what reading a certificate throws. */
export async function networkOptions(values: NetworkOptionValues, context: CliContext): Promise<NetworkOptions> {
  const caFile = values.cacert ?? variable("CACERT", context);
  const clientFile = values.tlsClientCert ?? variable("TLS_CLIENT_CERT", context);
  return {
    userAgent: `agent/${context.version.version}`,
    ...caFile === undefined ? {} : { caCertificates: [await pemOf(caFile, "CERTIFICATE")] },
    ...clientFile === undefined ? {} : { clientCertificate: await clientCertificate(clientFile) },
    ...values.insecureTls ? { insecureTls: true } : {},
    ...values.limitUpload === undefined ? {} : { uploadBytesPerSecond: parseRate(values.limitUpload) },
    ...values.limitDownload === undefined ? {} : { downloadBytesPerSecond: parseRate(values.limitDownload) },
    ...proxiesOf(context),
  };
}

/**
 * The variables that most programs know, those in capitals first. ALL_PROXY is passed over, as restic does; it has to be
 * noticed all the same, because `fetch` would follow it.
 */
function proxiesOf({ env }: CliContext): { readonly proxies?: Proxies } {
  const [http, https, except, all] = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"]
    .map((name) => env(name) || env(name.toLowerCase()) || undefined);
  if ([http, https, all].every((proxy) => proxy === undefined)) return {};
  return { proxies: { ...http && { http }, ...https && { https }, ...except && { except } } };
}

/** `name=value` settings by name. Throws `UsageError` for one without a value. */
export function storeSettings(values: NetworkOptionValues): ReadonlyMap<string, string> {
  return new Map((values.option ?? []).map((text) => {
    const at = text.indexOf("=");
    if (at < 1) throw new UsageError(`Not a setting: "${text}"; write for example s3.region=eu-west-1`);
    return [text.slice(0, at), text.slice(at + 1)];
  }));
}

/**
 * Bytes a second of a limit. A plain number means KiB, as with restic; one with a unit means that size. Throws `UsageError`
 * for what is neither, and for 0.
 */
export function parseRate(text: string): number {
  const bytes = parseSize(/^\d+$/.test(text) ? `${text}K` : text);
  if (bytes === 0) throw new UsageError("A limit of 0 would never end; leave the option out for no limit");
  return bytes;
}

/** Tells a person, or a program, that a call failed and is made again, unless that is over in a moment. */
export function retryTeller(
  { json, quiet }: { readonly json?: boolean; readonly quiet?: boolean },
  { stderr }: CliContext,
): (retry: Retry) => void {
  return (retry) => {
    const { error, delayMs } = retry;
    if (quiet || delayMs < SILENT_DELAY_MS) return;
    if (json) void writeJson(stderr, retryJson(retry));
    else void writeLine(stderr, `agent: ${error.message} (next try in ${formatDuration(delayMs)})`);
  };
}

/** Ours, then restic's; an empty variable counts as not set. */
function variable(name: string, { env }: CliContext): string | undefined {
  return env(`AGENT_${name}`) || env(`RESTIC_${name}`) || undefined;
}

/** Certificate chain and key of one file, as restic has them. */
async function clientCertificate(path: string) {
  const text = await pemOf(path, "CERTIFICATE");
  const key = /-----BEGIN ((?:RSA |EC )?PRIVATE KEY)-----[^-]*-----END \1-----/.exec(text)?.[0];
  if (key === undefined) {
    throw new UsageError(
      `There is no private key in "${path}"; put certificate and key (PEM, not encrypted) into one file`,
    );
  }
  return { certificate: text.replace(key, ""), key };
}

async function pemOf(path: string, label: string): Promise<string> {
  const text = await readTextFile(path, "certificate");
  if (!text.includes(`-----BEGIN ${label}-----`)) {
    throw new UsageError(`There is no certificate in "${path}"; it has to be in PEM form`);
  }
  return text;
}
