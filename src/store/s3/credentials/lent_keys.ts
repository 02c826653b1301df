/** Keys that somebody lends for some hours, as AWS's services and programs write them in JSON. */
import * as v from "valibot";
import { messageOf } from "../../../base/errors.ts";
import type { S3Credentials } from "../signing.ts";

/** The time when keys end. */
const Expiration = v.pipe(v.string(), v.check((text) => !Number.isNaN(Date.parse(text))));

const Keys = v.object({
  AccessKeyId: v.pipe(v.string(), v.nonEmpty()),
  SecretAccessKey: v.pipe(v.string(), v.nonEmpty()),
  /** The services' name for it. */
  Token: v.optional(v.string()),
  /** The programs' name for it. */
  SessionToken: v.optional(v.string()),
  Expiration: v.optional(Expiration),
});

/** What came instead of keys. The message is a clause that repeats none of it: it may hold the secret. */
export class LentKeysError extends Error {}

/** Reads lent keys. Throws `LentKeysError`. */
export function readLentKeys(text: string): S3Credentials {
  const keys = v.safeParse(Keys, parsedJson(text));
  if (!keys.success) throw new LentKeysError("the answer holds none");
  return lentKeys({ ...keys.output, Token: keys.output.SessionToken || keys.output.Token });
}

/** Keys from their parts; an end that cannot be read is an error, because nobody would know when to ask again. */
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
