/** Bytes that look random and are the same in every run: SHA-256 of a seed and a counter. */
import { hash } from "node:crypto";

export function pseudorandomBytes(count: number, seed: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count; at += 32) {
    const block = hash("sha256", `${seed}/${at}`, "buffer");
    bytes.set(block.subarray(0, Math.min(32, count - at)), at);
  }
  return bytes;
}
