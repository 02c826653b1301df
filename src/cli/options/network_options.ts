/** The options for repositories on other machines, common to all commands. */
import { Command, Option } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import { formatDuration } from "../../base/text/duration.ts";
import { certificateOf, clientCertificate, parseRate } from "../../library/opening/network_settings.ts";
import type { NetworkOptions } from "../../store/http/client.ts";
import { proxiesOf } from "../../store/http/proxy_variables.ts";
import type { Retry } from "../../store/retry.ts";
import { retryJson } from "../report/json/standard_error_json.ts";
import type { CliContext } from "../context.ts";
import type { OptionsOf } from "../specification.ts";
import { writeJson, writeLine } from "../terminal/write.ts";
import { collect } from "./repeated_options.ts";

/** Shorter delays are not reported. */
const SILENT_DELAY_MS = 1000;

/** The options, to be added to commands. */
export const NETWORK_OPTIONS = new Command()
  .optionsGroup("Repositories on other machines:")
  .addOption(new Option("--cacert <file>", "trust these authorities, too (PEM; AGENT_CACERT)"))
  .addOption(
    new Option("--tls-client-cert <file>", "certificate and key of this client (PEM; AGENT_TLS_CLIENT_CERT)"),
  )
  .addOption(new Option("--insecure-tls", "accept any certificate: anybody in between can read and change requests"))
  .addOption(new Option("--limit-upload <rate>", "limit per second: a number of KiB, or a size such as 5M"))
  .addOption(new Option("--limit-download <rate>", "limit per second: a number of KiB, or a size such as 5M"))
  .addOption(
    new Option("--option <name=value>", "a setting such as s3.region=eu-west-1; may be repeated").argParser(collect),
  );

/** The values of these options as given. */
type NetworkOptionValues = OptionsOf<typeof NETWORK_OPTIONS>;

/** How to reach servers. Throws `UsageError`, and what reading a certificate throws. */
export async function networkOptions(values: NetworkOptionValues, context: CliContext): Promise<NetworkOptions> {
  const caFile = values.cacert ?? variable("CACERT", context);
  const clientFile = values.tlsClientCert ?? variable("TLS_CLIENT_CERT", context);
  return {
    userAgent: `agent/${context.version.version}`,
    ...caFile === undefined ? {} : { caCertificates: [await certificateOf(caFile)] },
    ...clientFile === undefined ? {} : { clientCertificate: await clientCertificate(clientFile) },
    ...values.insecureTls ? { insecureTls: true } : {},
    ...values.limitUpload === undefined ? {} : { uploadBytesPerSecond: parseRate(values.limitUpload) },
    ...values.limitDownload === undefined ? {} : { downloadBytesPerSecond: parseRate(values.limitDownload) },
    ...proxiesOf(context.env),
  };
}

/** The `name=value` settings by name. Throws `UsageError` for a text without a value. */
export function storeSettings(values: NetworkOptionValues): ReadonlyMap<string, string> {
  return new Map((values.option ?? []).map((text) => {
    const at = text.indexOf("=");
    if (at < 1) throw new UsageError(`Not a setting: "${text}"; write for example s3.region=eu-west-1`);
    return [text.slice(0, at), text.slice(at + 1)];
  }));
}

/** Reports failed calls that are retried, to a person or a program, unless the delay is short. */
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

/** Our variable, else restic's. An empty variable counts as not set. */
function variable(name: string, { env }: CliContext): string | undefined {
  return env(`AGENT_${name}`) || env(`RESTIC_${name}`) || undefined;
}
