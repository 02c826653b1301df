/** Settings of the network as people write them: files with certificates, limits per second. */
import { UsageError } from "../../base/errors.ts";
import { parseSize } from "../../base/text/size.ts";
import { readNamedFile } from "../../password/named_file.ts";
import type { ClientCertificate } from "../../store/http/client.ts";

/**
 * Parses a limit in bytes per second. A plain number means KiB, as in restic; a number with a unit means that size.
 * Throws `UsageError` for anything else, and for 0.
 */
export function parseRate(text: string): number {
  const bytes = parseSize(/^\d+$/.test(text) ? `${text}K` : text);
  if (bytes === 0) throw new UsageError("A limit of 0 would never end; leave the option out for no limit");
  return bytes;
}

/** Certificate chain and key from one file, as in restic. Throws `UsageError`, and what `readNamedFile` throws. */
export async function clientCertificate(path: string): Promise<ClientCertificate> {
  const text = await certificateOf(path);
  const key = /-----BEGIN ((?:RSA |EC )?PRIVATE KEY)-----[^-]*-----END \1-----/.exec(text)?.[0];
  if (key === undefined) {
    throw new UsageError(
      `There is no private key in "${path}"; put certificate and key (PEM, not encrypted) into one file`,
    );
  }
  return { certificate: text.replace(key, ""), key };
}

/** The PEM file of a certificate. Throws `UsageError`, and what `readNamedFile` throws. */
export async function certificateOf(path: string): Promise<string> {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(await readNamedFile(path, "certificate"));
  if (!text.includes("-----BEGIN CERTIFICATE-----")) {
    throw new UsageError(`There is no certificate in "${path}"; it has to be in PEM form`);
  }
  return text;
}
