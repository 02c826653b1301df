/** The dumps of the quickstart: two nights of a made-up shop, and a dump that was cut short. */
import { createHash } from "node:crypto";
import { DEFAULT_DUMP, generateDump } from "../dumps/dump.ts";

/** A dump while it is produced, with its size and digest once it is complete. */
export class NightDump {
  readonly #md5 = createHash("md5");
  bytes = 0;

  constructor(readonly megabytes: number, readonly night: number) {}

  /** The dump's bytes. May be read only once. */
  *pieces(): Generator<Uint8Array<ArrayBuffer>, void, void> {
    for (const piece of generateDump({ ...DEFAULT_DUMP, bytes: this.megabytes * 1e6, night: this.night })) {
      this.#md5.update(piece);
      this.bytes += piece.length;
      yield piece;
    }
  }

  /** The MD5 of the bytes produced, in hex. May be called only once, at the end. */
  md5(): string {
    return this.#md5.digest("hex");
  }
}

/** The first `bytes` bytes of a stream: a dump whose program died. */
export function* cutAfter(
  pieces: Iterable<Uint8Array<ArrayBuffer>>,
  bytes: number,
): Generator<Uint8Array<ArrayBuffer>, void, void> {
  let left = bytes;
  for (const piece of pieces) {
    if (piece.length >= left) return yield piece.subarray(0, left);
    yield piece;
    left -= piece.length;
  }
}
