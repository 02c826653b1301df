/** How a server learns who sends a request. */
import type { Clock } from "../../base/clock.ts";
import { clientOf } from "../connection/admission.ts";
import { openCredentials } from "./user_passwords.ts";
import type { Exchange } from "../connection/exchange.ts";
import { Refusal } from "../refusal.ts";

/**
 * Any user is accepted (`none`), users of an htpasswd file, or the user that a reverse proxy names in a header (in
 * lower case).
 */
export type Authentication =
  | { readonly method: "none" }
  | { readonly method: "htpasswd"; readonly path: string }
  | { readonly method: "proxy"; readonly header: string };

/** Finds out who sends a request. */
interface Authenticator {
  /** The user's name; empty if users are not identified. Throws `Refusal`. */
  readonly userOf: (exchange: Exchange) => Promise<string>;
  close(): void;
}

/** What an authenticator needs. */
interface AuthenticatorOptions {
  readonly clock: Clock;
  readonly random: (lengthBytes: number) => Uint8Array;
  readonly passwordThreads: number;
  readonly onProblem: (message: string) => void;
}

/** Prepares a method of authentication. Throws `UsageError` if the file of users is unusable. */
export async function openAuthenticator(
  authentication: Authentication,
  options: AuthenticatorOptions,
): Promise<Authenticator> {
  switch (authentication.method) {
    case "none":
      return { userOf: () => Promise.resolve(""), close: () => {} };
    case "proxy":
      return {
        userOf: (exchange) => Promise.try(() => userOfProxy(exchange.soleHeader(authentication.header))),
        close: () => {},
      };
    case "htpasswd": {
      const credentials = await openCredentials({ ...options, path: authentication.path });
      return {
        userOf: async (exchange) => {
          return await credentials.userOf(exchange.soleHeader("authorization"), clientOf(exchange.remoteAddress));
        },
        close: () => credentials.close(),
      };
    }
  }
}

function userOfProxy(header: string | undefined): string {
  if (header === undefined || header === "") throw new Refusal(401, "The proxy named no user");
  return header;
}
