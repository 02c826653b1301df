/** What single values of the file have to be: addresses, absolute paths, references to secrets. */
import { UsageError } from "../base/errors.ts";
import { NAME } from "./configuration.ts";

/** Where a secret is: never the secret itself. */
export type SecretReference =
  | { readonly kind: "env"; readonly name: string }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "command"; readonly command: string };

const SECRET = /^(env|file|command):(.+)$/s;

/**
 * Parses `env:NAME`, `file:PATH` or `command:COMMAND`. Throws `UsageError`, whose message never has the text: it may be
 * a password.
 */
export function parseSecret(text: string): SecretReference {
  const [, kind, rest = ""] = SECRET.exec(text) ?? [];
  switch (kind) {
    case "env":
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(rest)) throw new UsageError("env: is followed by the name of a variable");
      return { kind, name: rest };
    case "file":
      return { kind, path: checkPath(rest) };
    case "command":
      return { kind, command: rest };
    default:
      throw new UsageError(
        "a secret is never written into this file; write env:NAME, file:PATH or command:COMMAND, which say where it is",
      );
  }
}

/** Returns a reference unchanged; throws what `parseSecret` throws. */
export function checkSecret(text: string): string {
  parseSecret(text);
  return text;
}

/** Returns an absolute path unchanged. Throws `UsageError` for another one: it would depend on the working directory. */
export function checkPath(path: string): string {
  if (path.startsWith("/") && !path.includes("\0")) return path;
  throw new UsageError(`"${path}" is not an absolute path, and the file counts in every directory; begin it with /`);
}

/** An address with a scheme: `s3:https://…`, `rest:…`, `local:/…`. */
const SCHEME = /^[a-z][a-z0-9+.-]*:/;
/** A password between user and host. */
const PASSWORD_IN_ADDRESS = /:\/\/[^/?#@:]*:[^/?#@]+@/;
/** One with characters that end a host: the address is none then. A port ends before them. */
const ODD_PASSWORD_IN_ADDRESS = /:\/\/[^/?#@:[]*:(?!\d{0,5}[/?#]).*@/s;

/** Returns the address of a repository unchanged. Throws `UsageError`, without the address if it holds a password. */
export function checkAddress(address: string): string {
  refusePassword(address);
  if (SCHEME.test(address)) {
    if (address.startsWith("local:")) checkPath(address.slice("local:".length));
    return address;
  }
  return checkPath(address);
}

/** Returns the name or the address of a repository unchanged; whether there is such a name is not known here. */
export function checkNameOrAddress(text: string): string {
  return NAME.test(text) ? text : checkAddress(text);
}

/** Throws `UsageError` for an address with a password in it. */
export function refusePassword(address: string): void {
  if (!PASSWORD_IN_ADDRESS.test(address) && !ODD_PASSWORD_IN_ADDRESS.test(address)) return;
  throw new UsageError(
    "a password is never written into this file; leave it out of the address, and give rest-username and rest-password",
  );
}

/** Returns the name of a repository, profile or plugin unchanged. Throws `UsageError`. */
export function checkName(text: string): string {
  if (NAME.test(text)) return text;
  throw new UsageError(`"${text}" is not a name; use letters, digits, - and _`);
}
