/** Which certificates are trusted, and which one this client presents. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import tls from "node:tls";
import { UsageError } from "../../base/errors.ts";
import type { NetworkOptions } from "./client.ts";

/** The TLS part of a connection's options. */
export interface TlsOptions {
  readonly ca: string[];
  readonly rejectUnauthorized: boolean;
  readonly cert?: string;
  readonly key?: string;
}

/**
 * The TLS options that the network options ask for. The authorities are the system's, as for every other program on the
 * machine; if the system has none (small containers), they are the runtime's. A connection's list replaces the
 * runtime's own, so private authorities are added to the full list.
 */
export function tlsOptions(network: NetworkOptions): TlsOptions {
  const { caCertificates = [], clientCertificate, insecureTls = false } = network;
  return {
    ca: [...knownAuthorities(), ...caCertificates.flatMap(certificatesIn)],
    rejectUnauthorized: !insecureTls,
    ...(clientCertificate ? { cert: clientCertificate.certificate, key: clientCertificate.key } : {}),
  };
}

/**
 * Throws `UsageError` for certificates and keys that cannot be read, and for a key that belongs to another certificate.
 * The runtime ignores what it cannot read, so the connection would fail with a misleading error.
 */
export function checkCertificates({ caCertificates = [], clientCertificate }: NetworkOptions): void {
  for (const text of caCertificates) {
    const certificates = certificatesIn(text);
    if (certificates.length === 0) throw new UsageError(`The authorities' file holds no certificate; ${PEM_HINT}`);
    for (const certificate of certificates) parsedCertificate(certificate);
  }
  if (!clientCertificate) return;
  const key = parsedKey(clientCertificate.key);
  if (!parsedCertificate(clientCertificate.certificate).checkPrivateKey(key)) {
    throw new UsageError("The client's key belongs to another certificate; name the two that were made together");
  }
}

const PEM_HINT = "it has to be PEM, with lines such as -----BEGIN CERTIFICATE-----";

function knownAuthorities(): readonly string[] {
  // The function exists from Deno 2.8 on.
  const system = (tls as Partial<typeof tls>).getCACertificates?.("system") ?? [];
  return system.length > 0 ? system : tls.rootCertificates;
}

/** The certificates in a file, which may hold several, with other text between them. */
function certificatesIn(text: string): string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
}

function parsedCertificate(text: string): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch (cause) {
    throw new UsageError(`A certificate for TLS cannot be read; ${PEM_HINT}`, { cause });
  }
}

function parsedKey(text: string) {
  try {
    return createPrivateKey(text);
  } catch (cause) {
    throw new UsageError("The client's key for TLS cannot be read; it has to be PEM, without a passphrase", { cause });
  }
}
