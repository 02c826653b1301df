/** Device numbers as `st_dev` and `st_rdev` have them. */

/**
 * The number of a device from its major and minor number, in the form of the C library (`makedev` of
 * glibc, bits/sysmacros.h). Backups store it.
 */
export function deviceNumber(major: number, minor: number): bigint {
  // Nearly all devices need no more than 31 bits, and operations on large integers cost more than the call.
  if (major < 0x800 && minor < 0x100) return BigInt((major << 8) | minor);
  const [high, low] = [BigInt(major), BigInt(minor)];
  return ((high & 0xfffff000n) << 32n) | ((high & 0xfffn) << 8n) | ((low & 0xffffff00n) << 12n) | (low & 0xffn);
}
