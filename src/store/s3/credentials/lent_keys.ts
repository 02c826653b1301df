/** Temporary keys, lent for some hours, in the JSON that AWS's services and programs write. */
import * as v from "valibot";
import { messageOf } from "../../../base/errors.ts";
import type { S3Credentials } from "../signing.ts";

/** When the keys expire. */
const Expiration = v.pipe(v.string(), v.check((text) => !Number.isNaN(Date.parse(text))));

const Keys = v.object({
  AccessKeyId: v.pipe(v.string(), v.nonEmpty()),
  SecretAccessKey: v.pipe(v.string(), v.nonEmpty()),
  /** What services call the token. */
  Token: v.optional(v.string()),
  /** What programs call the token. */
  SessionToken: v.optional(v.string()),
  Expiration: v.optional(Expiration),
});

/**
 * An answer without usable keys. The message is a clause and repeats no part of the answer, since it may hold the
 * secret.
 */
export class LentKeysError extends Error {}

/** Reads lent keys. Throws `LentKeysError`. */
export function readLentKeys(text: string): S3Credentials {
  const keys = v.safeParse(Keys, parsedJson(text));
  if (!keys.success) throw new LentKeysError("the answer holds none");
  return lentKeys({ ...keys.output, Token: keys.output.SessionToken || keys.output.Token });
}

/**
 * Makes credentials from their parts. An unreadable expiry is an error, because the keys could not be renewed in time.
 */
export function lentKeys(
  { AccessKeyId, SecretAccessKey, Token, Expiration: end }: {
    readonly AccessKeyId: string;
    readonly SecretAccessKey: string;
    readonly Token?: string | undefined;
    readonly Expiration?: string | undefined;
  },
): S3Credentials {
  if (end !== undefined && !v.is(Expiration, end)) throw new LentKeysError("the answer does not say when they end");
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    ...(Token ? { sessionToken: Token } : {}),
    ...(end === undefined ? {} : { expiresMs: Date.parse(end) }),
  };
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const what = new SyntaxError(messageOf(cause).replace(/".*"/s, "…"));
    throw new LentKeysError("the answer is not JSON", { cause: what });
  }
}
