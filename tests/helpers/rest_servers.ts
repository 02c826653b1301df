/**
 * Servers of restic's REST protocol in tests: restic's own and rclone's, serving the directory `served` of a sandbox.
 */
import { createHash } from "node:crypto";
import { bcrypt } from "hash-wasm";
import { systemClock } from "../../src/base/clock.ts";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import { addKey, removeKey } from "../../src/repository/key_files.ts";
import { initRepository, openRepository } from "../../src/repository/repository.ts";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import type { BlobStore } from "../../src/store/store.ts";
import type { Sandbox } from "./executable.ts";
import { type Credentials, Server } from "./servers.ts";
import type { Certificate } from "./certificates.ts";
import { CHEAP_KDF, IDENTITY, PASSWORD } from "./world.ts";

/** The configuration of a server. */
export interface RestServerOptions {
  /** The users; without any, everybody may use it. */
  readonly users?: readonly Credentials[];
  readonly privateRepos?: boolean;
  readonly appendOnly?: boolean;
  readonly maxSizeBytes?: number;
  readonly certificate?: Certificate;
}

/** bcrypt's lowest cost. */
const BCRYPT_COST = 4;

const TOOLS = { clock: systemClock, identity: IDENTITY, randomBytes: systemRandomBytes, kdf: CHEAP_KDF };

/** Starts restic's own server. */
export async function startRestServer(program: string, box: Sandbox, options: RestServerOptions = {}): Promise<Server> {
  const args = ["--listen", "127.0.0.1:0", "--path", served(box), ...await restServerFlags(box, options)];
  return await Server.start(box, program, args, {
    address: /start server on 127\.0\.0\.1:(\d+)/,
    ...schemeOf(options),
  });
}

/** Starts `rclone serve restic`, which has no size limit. */
export async function startRcloneRest(program: string, box: Sandbox, options: RestServerOptions = {}): Promise<Server> {
  const { users, privateRepos, appendOnly, certificate } = options;
  const folder = served(box);
  await Deno.mkdir(folder, { recursive: true });
  const args = [
    ...["serve", "restic", "--config", "/dev/null", "--addr", "127.0.0.1:0"],
    ...users === undefined ? [] : ["--htpasswd", await writePasswords(box, users)],
    ...privateRepos ? ["--private-repos"] : [],
    ...appendOnly ? ["--append-only"] : [],
    ...certificate === undefined ? [] : ["--cert", certificate.certificateFile, "--key", certificate.keyFile],
    folder,
  ];
  return await Server.start(box, program, args, {
    address: /Serving restic .*127\.0\.0\.1:(\d+)/,
    ...schemeOf(options),
  });
}

/** The flags for these options, which restic's server and `agent serve` share. */
export async function restServerFlags(box: Sandbox, options: RestServerOptions): Promise<string[]> {
  const { users, privateRepos, appendOnly, maxSizeBytes, certificate } = options;
  return [
    ...users === undefined ? ["--no-auth"] : ["--htpasswd-file", await writePasswords(box, users)],
    ...privateRepos ? ["--private-repos"] : [],
    ...appendOnly ? ["--append-only"] : [],
    ...maxSizeBytes === undefined ? [] : ["--max-size", String(maxSizeBytes)],
    ...certificate === undefined
      ? []
      : ["--tls", "--tls-cert", certificate.certificateFile, "--tls-key", certificate.keyFile],
  ];
}

/** The scheme of the server's URL. */
export function schemeOf({ certificate }: RestServerOptions): { scheme: "http" | "https" } {
  return { scheme: certificate === undefined ? "http" : "https" };
}

/** The directory that servers serve, or a path in it. */
export function served(box: Sandbox, ...names: string[]): string {
  return box.join("served", ...names);
}

/** Creates an empty repository in the served directory, bypassing the server, with a cheap key derivation. */
export async function makeServedRepository(box: Sandbox, ...names: string[]): Promise<void> {
  await Deno.mkdir(served(box, ...names), { recursive: true });
  await initCheaply(localStore(box, names), PASSWORD);
  await box.file("password", `${PASSWORD}\n`);
}

/** Replaces the only key of a served repository by a cheap one, bypassing the server. */
export async function cheapenServedRepository(box: Sandbox, ...names: string[]): Promise<void> {
  await cheapenKey(localStore(box, names));
}

/** Makes a repository whose password costs little time. */
export async function initCheaply(store: BlobStore, password: string): Promise<void> {
  await initRepository(store, password, TOOLS);
}

/** Replaces the only key of a repository by one for the same password with a cheap derivation. */
export async function cheapenKey(store: BlobStore, password = PASSWORD): Promise<void> {
  const { keys, keyId } = await openRepository(store, { password, randomBytes: systemRandomBytes });
  const added = await addKey(store, keys, password, TOOLS);
  await removeKey(store, keyId, added);
}

function localStore(box: Sandbox, names: readonly string[]): BlobStore {
  return openLocalStore(served(box, ...names), { random: systemRandomBytes });
}

/** Writes a password file whose entries alternate between the two kinds that the servers support. */
async function writePasswords(box: Sandbox, users: readonly Credentials[]): Promise<string> {
  const lines = await Promise.all(users.map(async ({ user, password }, i) => {
    return `${user}:${i % 2 === 0 ? await bcryptEntry(password) : sha1Entry(password)}\n`;
  }));
  return await box.file("htpasswd", lines.join(""));
}

async function bcryptEntry(password: string): Promise<string> {
  const options = { password, salt: systemRandomBytes(16), costFactor: BCRYPT_COST, outputType: "encoded" } as const;
  return (await bcrypt(options)).replace(/^\$2a\$/, "$2y$");
}

function sha1Entry(password: string): string {
  return `{SHA}${createHash("sha1").update(password).digest("base64")}`;
}
