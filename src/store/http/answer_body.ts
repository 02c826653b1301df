/** Collects the body of an answer: nothing is believed about its length that did not come true. */
import { concatBytes } from "../../base/bytes.ts";
import { StoreError, TemporaryError, TooLargeError } from "../../base/errors.ts";
import { formatSize } from "../../base/text/size.ts";

/** How to take a body. */
export interface BodyLimits {
  readonly mostBytes: number;
  /** No body follows, whatever `content-length` says (RFC 9112, section 6.3): answers to HEAD, and some statuses. */
  readonly isEmpty: boolean;
  /** The server, for messages. */
  readonly origin: string;
}

/** The body of an answer as it comes in. */
interface AnswerBody {
  /** Takes a piece, which is copied. Throws `StoreError` for a body that is longer than allowed or announced. */
  add(piece: Uint8Array): void;
  /** The whole body. Throws `TemporaryError` where it is shorter than announced. */
  end(): Uint8Array<ArrayBuffer>;
}

/**
 * Where a body goes whose `content-length` is `announced`. Throws `StoreError` where it is announced longer than allowed.
 */
export function bodyOf(announced: string | undefined, limits: BodyLimits): AnswerBody {
  const length = limits.isEmpty ? undefined : announcedBytes(announced, limits);
  return length === undefined ? new GrowingBody(limits) : new MeasuredBody(length, limits);
}

/**
 * How many bytes a `content-length` announces; undefined where there is none. Throws `StoreError` for what is no number, and
 * for more than is allowed.
 */
export function announcedBytes(announced: string | undefined, limits: BodyLimits): number | undefined {
  if (announced === undefined) return undefined;
  const length = Number(announced);
  if (!/^\d+$/.test(announced) || !Number.isSafeInteger(length)) {
    throw new StoreError(`${limits.origin} announces an answer of "${announced.slice(0, 40)}" bytes; check the server`);
  }
  if (length > limits.mostBytes) throw tooLong(limits);
  return length;
}

/** Tells that a body ended too soon. */
export function tooShort(gotBytes: number, announced: number, { origin }: BodyLimits): TemporaryError {
  return new TemporaryError(`The answer of ${origin} ended after ${gotBytes} of ${announced} bytes; try again`);
}

/** A body whose length was announced. */
class MeasuredBody implements AnswerBody {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #limits: BodyLimits;
  #filled = 0;

  constructor(length: number, limits: BodyLimits) {
    this.#bytes = new Uint8Array(length);
    this.#limits = limits;
  }

  add(piece: Uint8Array): void {
    if (this.#filled + piece.length > this.#bytes.length) throw tooLong(this.#limits);
    this.#bytes.set(piece, this.#filled);
    this.#filled += piece.length;
  }

  end(): Uint8Array<ArrayBuffer> {
    if (this.#filled < this.#bytes.length) throw tooShort(this.#filled, this.#bytes.length, this.#limits);
    return this.#bytes;
  }
}

/** A body that ends where it ends. */
class GrowingBody implements AnswerBody {
  readonly #pieces: Uint8Array[] = [];
  readonly #limits: BodyLimits;
  #length = 0;

  constructor(limits: BodyLimits) {
    this.#limits = limits;
  }

  add(piece: Uint8Array): void {
    this.#length += piece.length;
    if (this.#length > this.#limits.mostBytes) throw tooLong(this.#limits);
    this.#pieces.push(piece);
  }

  end(): Uint8Array<ArrayBuffer> {
    return concatBytes(this.#pieces);
  }
}

function tooLong({ origin, mostBytes }: BodyLimits): TooLargeError {
  return new TooLargeError(
    `The answer of ${origin} is longer than expected (more than ${formatSize(mostBytes)}); check the URL`,
  );
}
