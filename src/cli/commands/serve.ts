/** `agent serve`: an HTTP store for agents and for restic. */
import { resolve } from "node:path";
import { Command, type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import { parseSize } from "../../base/text/size.ts";
import type { Authentication } from "../../server/access/authentication.ts";
import type { ListenAddress } from "../../server/connection/listener.ts";
import { type ServerOptions, startServer } from "../../server/server.ts";
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
import type { CliContext } from "../context.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";

const USUAL_ADDRESS = "127.0.0.1:8000";

const NOTE: HelpNotes = {
  about: [
    'Clients reach a repository as rest:http://USER:PASSWORD@HOST:8000/NAME/, and make it with "agent init" or ' +
    '"restic init". The server has no keys and cannot read what it stores. Every upload is compared with its ' +
    "SHA-256 and flushed to the disk before it is acknowledged. /metrics serves metrics for Prometheus, /healthz " +
    "answers as long as the server runs.",
    'The users are listed in an htpasswd file ("htpasswd -B -c FILE USER"); changes to it take effect at once. ' +
    "SIGTERM and SIGINT end the server after pending requests, with exit code 0; a second signal ends it at once.",
  ],
  examples: [["agent serve --path /srv/backup --listen :8000 --tls --append-only"]],
};

/** The command's specification. */
function specification() {
  return new Command("serve")
    .description("serve repositories over HTTP, to agent and to restic (REST protocol)")
    .option("--path <dir>", "the folder that holds the repositories")
    .option("--listen <address>", listenMeaning(USUAL_ADDRESS), collectAddress)
    .option("--htpasswd-file <file>", "users and their passwords, bcrypt or {SHA} (default: DIR/.htpasswd)")
    .option("--proxy-auth-username <header>", "trust a reverse proxy to name the user in this header")
    .option("--no-auth", "serve everybody, but only on addresses of this machine")
    .option("--insecure", "allow --no-auth or --proxy-auth-username on any address")
    .option("--private-repos", "users reach only repositories below their own name")
    .option("--append-only", "refuse to remove anything but locks")
    .option("--max-size <size>", "hold no more than this, all repositories together, such as 500G")
    .option("--tls", "speak HTTPS (TLS 1.2 and later)")
    .option("--tls-cert <file>", "certificate with its chain, PEM (default: DIR/public_key)")
    .option("--tls-key <file>", "key of the certificate, PEM (default: DIR/private_key)")
    .option("--log <file>", "write an access log; - for standard output")
    .addOption(new Option("--prometheus", "accepted as in rest-server; the metrics are always served").hideHelp())
    .option("--prometheus-no-auth", "let everybody read the metrics")
    .option("--json", "a JSON object for each address, on standard output")
    .option("-q, --quiet", "do not show the address")
    .addHelpText("after", helpNotes(NOTE));
}

type ServeOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function serveCommand(context: CliContext): CommandUnknownOpts {
  return specification().action((options, self) => run(allOptions(self, options), context));
}

async function run(options: ServeOptions, context: CliContext): Promise<void> {
  refuseOldRuntime(context);
  const server = await startServer(await serverOptions(options, context));
  await runUntilSignal(server, resolve(options.path!), options, context);
}

async function serverOptions(options: ServeOptions, context: CliContext): Promise<ServerOptions> {
  const { world } = context;
  const { path, listen, authentication } = check(options, context);
  const tls = await tlsFiles(options, { certificate: `${path}/public_key`, key: `${path}/private_key` });
  const writeLog = accessLogWriter(options.log, context);
  return {
    path,
    listen,
    authentication,
    allowOpenToOthers: options.insecure ?? false,
    rules: { appendOnly: options.appendOnly ?? false, privateRepositories: options.privateRepos ?? false },
    limitBytes: options.maxSize === undefined ? Infinity : parseSize(options.maxSize),
    openMetrics: options.prometheusNoAuth ?? false,
    ...(tls && { tls }),
    ...(writeLog && { writeLog }),
    onProblem: serviceProblemTeller(context),
    passwordThreads: Math.max(1, Math.min(Math.floor(navigator.hardwareConcurrency / 2), 4)),
    clock: world.clock,
    random: world.randomBytes,
  };
}

/** Checks everything about the options that needs no file. */
function check(options: ServeOptions, context: CliContext) {
  if (options.path === undefined) throw new UsageError("Say which folder to serve: --path DIR");
  if (options.maxSize !== undefined) parseSize(options.maxSize);
  checkTlsOptions(options);
  const listen = serviceAddresses(options.listen ?? [USUAL_ADDRESS], context);
  const path = resolve(options.path);
  return { path, listen, authentication: checkAuthentication(options, path, listen) };
}

function checkAuthentication(
  options: ServeOptions,
  path: string,
  listen: readonly ListenAddress[],
): Authentication {
  const { auth, htpasswdFile, proxyAuthUsername } = options;
  if (auth) {
    if (htpasswdFile !== undefined && proxyAuthUsername !== undefined) {
      throw new UsageError("Users come either from --htpasswd-file or from --proxy-auth-username, not from both");
    }
    if (proxyAuthUsername !== undefined) {
      checkReach(options, listen, "With --proxy-auth-username");
      return { method: "proxy", header: checkHeaderName(proxyAuthUsername) };
    }
    return { method: "htpasswd", path: htpasswdFile ?? `${path}/.htpasswd` };
  }
  if (htpasswdFile !== undefined || proxyAuthUsername !== undefined || options.privateRepos) {
    throw new UsageError(
      "With --no-auth there are no users: leave out either --no-auth or --htpasswd-file, --proxy-auth-username and " +
        "--private-repos",
    );
  }
  checkReach(options, listen, "With --no-auth");
  return { method: "none" };
}

/** Refuses addresses that other machines can reach: without a password, anybody there could act as any user. */
function checkReach(options: ServeOptions, listen: readonly ListenAddress[], cause: string): void {
  const open = firstOpenAddress(listen);
  if (options.insecure || open < 0) return;
  throw new UsageError(
    `${cause} everybody who reaches ${options.listen?.[open] ?? USUAL_ADDRESS} could read and fill the store; ` +
      "listen on 127.0.0.1 or unix:PATH, use --htpasswd-file, or add --insecure",
  );
}

function checkHeaderName(name: string): string {
  if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name)) {
    throw new UsageError(`Not the name of a header: "${name}"; write for example X-Remote-User`);
  }
  return name.toLowerCase();
}
