/** `agent gateway`: serves what signed URLs name. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import { startGateway } from "../../gateway/gateway.ts";
import type { CliContext } from "../context.ts";
import { repositoryAccess, withRepositoryOptions } from "../options/repository_options.ts";
import {
  accessLogWriter,
  checkTlsOptions,
  collectAddress,
  firstOpenAddress,
  listenMeaning,
  refuseOldRuntime,
  serviceAddresses,
  serviceProblemTeller,
  tlsFiles,
} from "../service/service_options.ts";
import { runUntilSignal } from "../service/run_until_signal.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { gatewayRevokeCommand } from "./gateway_revoke.ts";

const USUAL_ADDRESS = "127.0.0.1:8088";

const NOTES: HelpNotes = {
  about: [
    'The URLs come from "agent url". Each names one thing of one backup and ends at a second; whoever ' +
    "has it needs no password. GET and HEAD, with ranges; archives come without. What is read is verified: what proves " +
    "damaged breaks the connection, and never looks whole.",
    "The gateway holds the keys of the repository, so it belongs on a machine that may have them. It listens to this " +
    "machine only, unless --tls or --insecure allows more: behind a reverse proxy, that is enough. The log never shows a " +
    "signature. SIGTERM and SIGINT end it after pending downloads, with exit code 0; a second signal ends it at once.",
  ],
  examples: [
    ["agent gateway"],
    ["agent gateway --listen :8443 --tls --tls-cert cert.pem --tls-key key.pem"],
  ],
};

/** The command's specification. */
function specification() {
  const command = new Command("gateway")
    .description("open the repository, and serve what signed URLs name until they expire")
    .option("--listen <address>", listenMeaning(USUAL_ADDRESS), collectAddress)
    .option("--insecure", "listen without --tls on addresses that other machines can reach")
    .option("--tls", "speak HTTPS (TLS 1.2 and later)")
    .option("--tls-cert <file>", "certificate with its chain, PEM")
    .option("--tls-key <file>", "key of the certificate, PEM")
    .option("--log <file>", "write an access log, without signatures; - for standard output")
    .option("--no-lock", "take no lock: for stores that cannot be written to")
    .addHelpText("after", helpNotes(NOTES));
  return withRepositoryOptions(command);
}

type GatewayCommandOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function gatewayCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((options, self) => run(allOptions(self, options), context))
    .addCommand(gatewayRevokeCommand(context));
}

async function run(options: GatewayCommandOptions, context: CliContext): Promise<void> {
  refuseOldRuntime(context);
  checkTlsOptions(options);
  const texts = options.listen ?? [USUAL_ADDRESS];
  const listen = serviceAddresses(texts, context);
  const open = firstOpenAddress(listen);
  if (open >= 0 && !options.tls && !options.insecure) {
    throw new UsageError(
      `Without TLS everybody on the way to ${
        texts[open]
      } could read the URLs and what they give; use --tls, listen on ` +
        "127.0.0.1 behind a reverse proxy, or add --insecure",
    );
  }
  const gateway = await startGateway(repositoryAccess(options, context), {
    listen,
    allowPlainToOthers: options.insecure ?? false,
    tls: await tlsFiles(options, null),
    noLock: !options.lock,
    writeLog: accessLogWriter(options.log, context),
    onProblem: serviceProblemTeller(context),
    world: context.world,
    signal: context.signal,
  });
  await runUntilSignal(gateway, "signed URLs", options, context);
}
