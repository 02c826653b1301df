/** What a configuration file says of an agent: its repository, and what is usual for backups and rotations. */
import { UsageError } from "../../base/errors.ts";
import { parseSpan } from "../../base/text/duration.ts";
import { NAME, type RepositorySettings, type SettingValue } from "../../config/configuration.ts";
import { LOGIN_VARIABLES, S3_KEY_VARIABLES } from "../../config/credential_variables.ts";
import { type ConfigurationMachine, findConfiguration } from "../../config/find_configuration.ts";
import { readSecret } from "../../config/read_secret.ts";
import { type SecretKey, secretOf } from "../../config/secret_references.ts";
import { layersFor, namedRepository, type Selection, selectProfile } from "../../config/selection.ts";
import { refuseUnknownRepository } from "../../config/unknown_repository.ts";
import { decodeTextFile, trimWhiteSpace } from "../../password/decode.ts";
import { readNamedFile } from "../../password/named_file.ts";
import type { NetworkOptions } from "../../store/http/client.ts";
import type { AgentOptions } from "./agent_options.ts";
import { certificateOf, clientCertificate, parseRate } from "./network_settings.ts";

/** Options with what the file says of the repository. */
export interface ConfiguredOptions extends AgentOptions {
  readonly repository: string;
  /** Variables with credentials for the store, which nobody else gets. */
  readonly credentials: Readonly<Record<string, string>>;
  /** What the file says, with its profile; undefined if no file counts. */
  readonly selection: Selection | undefined;
}

type Environment = Readonly<Record<string, string>>;

/**
 * Completes the options of an agent. A file counts only if the program asks for one: by `config`, by `profile`, or by
 * leaving out the repository. What the program says itself wins. Throws `UsageError`, and what reading the file throws.
 */
export async function withConfiguration(options: AgentOptions, environment: Environment): Promise<ConfiguredOptions> {
  const { config, profile, repository: given } = options;
  if (given !== undefined && config === undefined && profile === undefined) {
    return { ...options, repository: given, credentials: {}, selection: undefined };
  }
  const selection = await selectionFor(config, profile, environment);
  const name = given ?? textOf(selection.repository?.setting.value);
  if (name === undefined) {
    throw new UsageError(`No repository is given, and ${selection.configuration.path} names none`);
  }
  const named = NAME.test(name) ? namedRepository(selection, name) : undefined;
  if (named === undefined) await refuseUnknownRepository(selection, name);
  const values = new Values(selection, named);
  const password = passwordGiven(options) ? {} : passwordOf(values, named, environment);
  const retryLock = values.text("retry-lock");
  const settings = Object.fromEntries(values.list("option").map(nameAndValue));
  return {
    ...options,
    repository: named === undefined ? name : await placeOf(named),
    ...password,
    ...options.retryLockMs === undefined && retryLock !== undefined && { retryLockMs: parseSpan(retryLock) },
    settings: { ...settings, ...options.settings },
    network: { ...await networkOf(values), ...options.network },
    ...options.cacheDirectory === undefined && values.value("no-cache") === true && { cacheDirectory: null },
    credentials: named === undefined ? {} : await credentialsOf(named, environment),
    selection,
  };
}

async function selectionFor(
  config: string | undefined,
  profile: string | undefined,
  environment: Environment,
): Promise<Selection> {
  const machine: ConfigurationMachine = {
    env: (name) => environment[name],
    directory: () => Deno.cwd(),
    uid: Deno.uid(),
  };
  const configuration = await findConfiguration(config, machine);
  if (configuration !== undefined) return selectProfile(configuration, profile);
  throw new UsageError(
    profile === undefined
      ? "No repository is given, and there is no configuration file that names one"
      : `There is no configuration file that could have the profile "${profile}"`,
  );
}

/** The settings that count, whatever is done: those of the repository, of the profile, and the defaults. */
class Values {
  readonly #layers: readonly ReadonlyMap<string, { readonly value: SettingValue }>[];

  constructor(selection: Selection, repository: RepositorySettings | undefined) {
    const layers = layersFor(selection, "").map(({ settings }) => settings);
    this.#layers = [...repository === undefined ? [] : [repository.settings], ...layers];
  }

  value(key: string): SettingValue | undefined {
    return this.#layers.find((layer) => layer.has(key))?.get(key)?.value;
  }

  text(key: string): string | undefined {
    return textOf(this.value(key));
  }

  /** The values of all layers, the weakest first: of settings of stores, all count. */
  list(key: string): string[] {
    return this.#layers.toReversed().flatMap((layer) => {
      const value = layer.get(key)?.value;
      return value === undefined ? [] : Array.isArray(value) ? value.map(String) : [String(value)];
    });
  }
}

function textOf(value: SettingValue | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}

function nameAndValue(text: string): [name: string, value: string] {
  const at = text.indexOf("=");
  if (at < 1) throw new UsageError(`Not a setting: "${text}"; write for example s3.region=eu-west-1`);
  return [text.slice(0, at), text.slice(at + 1)];
}

async function placeOf({ settings }: RepositorySettings): Promise<string> {
  const url = textOf(settings.get("url")?.value);
  if (url !== undefined) return url;
  const path = textOf(settings.get("repository-file")?.value)!;
  return decoded(trimWhiteSpace(decodeTextFile(await readNamedFile(path, "repository")).bytes), path);
}

function passwordGiven({ password, passwordFile, passwordCommand }: AgentOptions): boolean {
  return [password, passwordFile, passwordCommand].some((way) => way !== undefined);
}

type PasswordOptions = Pick<AgentOptions, "password" | "passwordFile" | "passwordCommand">;

function passwordOf(values: Values, named: RepositorySettings | undefined, environment: Environment): PasswordOptions {
  const secret = named === undefined ? undefined : secretOf(named, "password");
  if (secret !== undefined) {
    if (secret.kind === "file") return { passwordFile: secret.path };
    if (secret.kind === "command") return { passwordCommand: secret.command };
    return { password: neededVariable(secret.name, environment) };
  }
  // The repository's own way wins over that of a profile, whichever of the two ways it is.
  const own = (key: string) => textOf(named?.settings.get(key)?.value);
  for (const get of [own, (key: string) => values.text(key)]) {
    const [file, command] = [get("password-file"), get("password-command")];
    if (file !== undefined) return { passwordFile: file };
    if (command !== undefined) return { passwordCommand: command };
  }
  return {};
}

function neededVariable(name: string, environment: Environment): string {
  const value = environment[name];
  if (value !== undefined && value !== "") return value;
  throw new UsageError(`The variable ${name} is not set, in which the configuration file says that a secret is`);
}

async function networkOf(values: Values): Promise<NetworkOptions> {
  const [authorities, client] = [values.text("cacert"), values.text("tls-client-cert")];
  const [upload, download] = [values.text("limit-upload"), values.text("limit-download")];
  return {
    ...authorities !== undefined && { caCertificates: [await certificateOf(authorities)] },
    ...client !== undefined && { clientCertificate: await clientCertificate(client) },
    ...values.value("insecure-tls") === true && { insecureTls: true },
    ...upload !== undefined && { uploadBytesPerSecond: parseRate(upload) },
    ...download !== undefined && { downloadBytesPerSecond: parseRate(download) },
  };
}

/** The credentials that the file has for a store, where the environment has none. */
async function credentialsOf(named: RepositorySettings, environment: Environment): Promise<Record<string, string>> {
  const isSet = (names: readonly string[]) => names.some((name) => (environment[name] ?? "") !== "");
  const plain = (key: string) => textOf(named.settings.get(key)?.value);
  const found = {
    ...!isSet(LOGIN_VARIABLES) && {
      AGENT_REST_USERNAME: plain("rest-username"),
      AGENT_REST_PASSWORD: await secretText(named, "rest-password", environment),
    },
    ...!isSet(S3_KEY_VARIABLES) && {
      AWS_ACCESS_KEY_ID: plain("s3-access-key-id"),
      AWS_SECRET_ACCESS_KEY: await secretText(named, "s3-secret-access-key", environment),
    },
  };
  return Object.fromEntries(Object.entries(found).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

async function secretText(
  named: RepositorySettings,
  key: SecretKey,
  environment: Environment,
): Promise<string | undefined> {
  const secret = secretOf(named, key);
  if (secret === undefined) return undefined;
  const variable = (name: string) => new TextEncoder().encode(neededVariable(name, environment));
  const bytes = await readSecret(secret, key, { variable, withheld: [] });
  return decoded(bytes, secret.kind === "file" ? secret.path : key);
}

function decoded(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new UsageError(`What "${what}" gives is not UTF-8`, { cause });
  }
}
