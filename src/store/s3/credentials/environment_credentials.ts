/** Credentials that are set directly in the environment. */
import { UsageError } from "../../../base/errors.ts";
import type { S3Credentials } from "../signing.ts";

/** The keys in the environment; undefined if there are none. Throws `UsageError` if one of the two is missing. */
export function environmentCredentials(
  { env }: { readonly env: (name: string) => string | undefined },
): S3Credentials | undefined {
  const accessKeyId = env("AWS_ACCESS_KEY_ID") || undefined;
  const secretAccessKey = env("AWS_SECRET_ACCESS_KEY") || undefined;
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    const [set, missing] = accessKeyId === undefined
      ? ["AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"]
      : ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    throw new UsageError(`${set} is set and ${missing} is not; set both`);
  }
  const sessionToken = env("AWS_SESSION_TOKEN") || undefined;
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}
