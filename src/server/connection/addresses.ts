/** Network addresses as text. */

/** Whether a host name or an address means this machine only. */
export function isLoopbackHost(host: string): boolean {
  return host === "localhost" || /^(::ffff:)?127(\.\d{1,3}){3}$/i.test(host) || /^(0*:)*:?0*1$/.test(host);
}

/** An address as people write it: an IPv4 address without the prefix that a socket for both IP versions adds. */
export function plainAddress(address: string): string {
  return /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address)?.[1] ?? address;
}
