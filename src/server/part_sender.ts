/** Sends parts of stored files, piece by piece. Answers share the memory of their pieces, one after the other. */
import type { RequestedPart } from "./connection/byte_ranges.ts";
import type { Exchange } from "./connection/exchange.ts";
import type { StoredFile } from "./files/stored_file.ts";

/** Longer parts are sent in pieces of this size. */
const PIECE_BYTES = 2 ** 18;
/** Up to this size, a part is sent at once, from memory of its own. */
const MOST_AT_ONCE_BYTES = 2 ** 16;
/**
 * How many pieces are kept for later answers: two for each of eight connections. To allocate them anew for each answer
 * took more than half of the server's processor time.
 */
const MOST_SPARE = 16;

/** Headers of every answer with a file, or a part of it. */
export const FILE_HEADERS = { "content-type": "application/octet-stream", "accept-ranges": "bytes" };

/** One for each server. */
export class PartSender {
  readonly #spare: Uint8Array<ArrayBuffer>[] = [];

  /** Answers with a part of a file. Throws `ClientGone`, and what reading the file throws. */
  async send(
    exchange: Exchange,
    stored: StoredFile,
    part: Exclude<RequestedPart, { part: "unsatisfiable" }>,
  ): Promise<void> {
    const { start, length } = part.part === "range" ? part : { start: 0, length: stored.sizeBytes };
    const range = part.part === "range" && `bytes ${start}-${start + length - 1}/${stored.sizeBytes}`;
    const headers = { ...FILE_HEADERS, ...(range && { "content-range": range }) };
    const status = range ? 206 : 200;
    stored.seek(start);
    if (length <= MOST_AT_ONCE_BYTES) {
      const bytes = new Uint8Array(length);
      await stored.read(bytes);
      return await exchange.send(status, headers, bytes);
    }
    exchange.begin(status, { ...headers, "content-length": length });
    const pieces = [this.#takePiece(), this.#takePiece()] as const;
    await sendPieces(exchange, stored, length, pieces);
    // After a failure they would not be free: a read or a write may still be under way.
    for (const piece of pieces) if (this.#spare.length < MOST_SPARE) this.#spare.push(piece);
    await exchange.end();
  }

  #takePiece(): Uint8Array<ArrayBuffer> {
    return this.#spare.pop() ?? new Uint8Array(PIECE_BYTES);
  }
}

/** Sends one piece while the next is read. Both are free once it resolves. */
async function sendPieces(
  exchange: Exchange,
  stored: StoredFile,
  length: number,
  pieces: readonly [Uint8Array, Uint8Array],
): Promise<void> {
  let [filling, sending] = pieces;
  let sent: Promise<void> = Promise.resolve();
  for (let left = length; left > 0;) {
    const part = filling.subarray(0, Math.min(left, PIECE_BYTES));
    await Promise.all([stored.read(part), sent]);
    sent = exchange.write(part);
    sent.catch(() => {}); // It is awaited with the next read, or below.
    left -= part.length;
    [filling, sending] = [sending, filling];
  }
  await sent;
}
