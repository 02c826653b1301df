/**
 * Checks a server's certificate and key before it starts: Deno would listen with any, and then fail every handshake.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { messageOf, UsageError } from "../../base/errors.ts";

/** A certificate (with its chain) and its key, in PEM. */
export interface TlsFiles {
  /** The certificate with its chain. */
  readonly certificate: string;
  /** The certificate's key. */
  readonly key: string;
}

/**
 * Checks that a server can use the files. Throws `UsageError` if one cannot be read, the key is encrypted, or they do
 * not match. Calls `onProblem` if the certificate has expired or is not valid yet.
 */
export function checkTls({ certificate, key }: TlsFiles, now: Date, onProblem: (message: string) => void): void {
  const parsed = parseCertificate(certificate);
  if (!fits(parsed, parseKey(key))) {
    throw new UsageError(
      "The key of --tls-key does not belong to the first certificate of --tls-cert: the server's own has to come first",
    );
  }
  const { validFrom, validTo } = parsed;
  const until = Date.parse(validTo);
  const from = Date.parse(validFrom);
  if (now.getTime() > until) {
    onProblem(`The certificate of --tls-cert expired at ${isoOf(until)}: clients refuse it; renew it`);
  }
  if (now.getTime() < from) {
    onProblem(`The certificate of --tls-cert is not valid before ${isoOf(from)}: clients refuse it until then`);
  }
}

function parseCertificate(pem: string): X509Certificate {
  const first = /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/.exec(pem)?.[0];
  if (first === undefined) throw new UsageError("The file of --tls-cert holds no certificate in PEM");
  try {
    return new X509Certificate(first);
  } catch (thrown) {
    throw new UsageError(`The certificate of --tls-cert cannot be read: ${messageOf(thrown)}`, { cause: thrown });
  }
}

function parseKey(pem: string): KeyObject {
  if (/ENCRYPTED/.test(pem)) {
    throw new UsageError(
      "The key of --tls-key is encrypted, and a server cannot ask for the passphrase: decrypt it with openssl pkey -in KEY -out PLAIN",
    );
  }
  try {
    return createPrivateKey(pem);
  } catch (thrown) {
    throw new UsageError(`The key of --tls-key cannot be read: ${messageOf(thrown)}`, { cause: thrown });
  }
}

function fits(certificate: X509Certificate, key: KeyObject): boolean {
  try {
    return certificate.checkPrivateKey(key);
  } catch {
    return false; // Keys of different types.
  }
}

function isoOf(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(".000Z", "Z");
}
