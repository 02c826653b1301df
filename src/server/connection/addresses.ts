/** Addresses of machines as text. */

/** Whether a host name or an address means this machine alone. */
export function isLoopbackHost(host: string): boolean {
  return host === "localhost" || /^(::ffff:)?127(\.\d{1,3}){3}$/i.test(host) || /^(0*:)*:?0*1$/.test(host);
}

/** An address as people write it: one of IPv4 that came over a socket for both versions without what IPv6 puts before it. */
export function plainAddress(address: string): string {
  return /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address)?.[1] ?? address;
}
