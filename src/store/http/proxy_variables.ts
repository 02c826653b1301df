/** The variables of the environment that name proxies. */
import type { Proxies } from "./client.ts";

/**
 * The proxies that the usual variables name; those in capitals come first. ALL_PROXY is not used, as in restic, but must
 * be noticed, because `fetch` would follow it.
 */
export function proxiesOf(env: (name: string) => string | undefined): { readonly proxies?: Proxies } {
  const [http, https, except, all] = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"]
    .map((name) => env(name) || env(name.toLowerCase()) || undefined);
  if ([http, https, all].every((proxy) => proxy === undefined)) return {};
  return { proxies: { ...http && { http }, ...https && { https }, ...except && { except } } };
}
