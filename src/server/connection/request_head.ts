/** Checks the head of a request: whatever two parsers could read differently is refused. */
import { Refusal } from "../refusal.ts";

/** The parts of a head that are checked. */
interface RequestHead {
  /** For example `1.1`. */
  readonly httpVersion: string;
  /** The values of a header as received, by its name in lower case. */
  valuesOf(name: string): readonly string[];
}

/** The characters of a host and a port; none over a unix socket. Source: RFC 3986, section 3.2.2. */
const HOST = /^[A-Za-z0-9._~!$&'()*+,;=%:[\]-]*$/;

/**
 * Throws `Refusal`: 505 for an HTTP version other than 1.0 and 1.1; 400 for a missing, malformed or repeated `Host`,
 * and for any transfer coding in HTTP/1.0; 501 for a transfer coding other than chunked. Source: RFC 9112, sections 3.2
 * and 6.1.
 */
export function checkHead(head: RequestHead): void {
  const { httpVersion } = head;
  if (httpVersion !== "1.1" && httpVersion !== "1.0") throw new Refusal(505, "This server speaks HTTP/1.1");
  const hosts = head.valuesOf("host");
  if (hosts.length > 1) throw new Refusal(400, "The header Host came several times");
  if (hosts.length === 0 && httpVersion === "1.1") throw new Refusal(400, "The header Host is missing");
  if (hosts.length === 1 && !HOST.test(hosts[0]!)) throw new Refusal(400, "The header Host is malformed");
  const codings = head.valuesOf("transfer-encoding");
  if (codings.length === 0) return;
  if (httpVersion === "1.0") throw new Refusal(400, "HTTP/1.0 has no Transfer-Encoding");
  if (codings.join(", ").trim().toLowerCase() !== "chunked") {
    throw new Refusal(501, "This server takes no Transfer-Encoding but chunked");
  }
}
