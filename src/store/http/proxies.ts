/** Turns proxies into the settings that node:http takes. */
import { UsageError } from "../../base/errors.ts";
import type { Proxies } from "./client.ts";

/** Proxies are not used for this machine; Go's programs, restic among them, have the same rule. */
const THIS_MACHINE = "localhost,127.0.0.1,::1";

/**
 * The variables that an agent of node:http reads. Throws `UsageError` for a proxy that is not a valid URL or does not
 * speak HTTP; the message leaves out its address, which may hold a password.
 */
export function proxyVariables({ http, https, except }: Proxies): Record<string, string> {
  return {
    ...http === undefined ? {} : { HTTP_PROXY: proxyUrl(http, "HTTP_PROXY") },
    ...https === undefined ? {} : { HTTPS_PROXY: proxyUrl(https, "HTTPS_PROXY") },
    NO_PROXY: except === undefined ? THIS_MACHINE : `${THIS_MACHINE},${except}`,
  };
}

function proxyUrl(text: string, name: string): string {
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  if (url && ["http:", "https:"].includes(url.protocol) && url.hostname !== "") return url.href;
  throw new UsageError(`The proxy in ${name} cannot be used; write http://HOST:PORT, or unset it`);
}
