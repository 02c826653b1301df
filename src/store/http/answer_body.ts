/** Collects the body of an answer, and checks it against the announced and the allowed length. */
import { concatBytes } from "../../base/bytes.ts";
import { StoreError, TemporaryError, TooLargeError } from "../../base/errors.ts";
import { formatSize } from "../../base/text/size.ts";

/** The limits of a body. */
export interface BodyLimits {
  readonly mostBytes: number;
  /**
   * Whether no body follows, whatever `content-length` says (RFC 9112, section 6.3): answers to HEAD, and some
   * statuses.
   */
  readonly isEmpty: boolean;
  /** The server, for messages. */
  readonly origin: string;
}

/** The body of an answer while it comes in. */
interface AnswerBody {
  /** Adds a piece, which is copied. Throws `StoreError` if the body is longer than allowed or announced. */
  add(piece: Uint8Array): void;
  /** Returns the whole body. Throws `TemporaryError` if it is shorter than announced. */
  end(): Uint8Array<ArrayBuffer>;
}

/** Begins a body; `announced` is its `content-length`. Throws `StoreError` if it announces more than is allowed. */
export function bodyOf(announced: string | undefined, limits: BodyLimits): AnswerBody {
  const length = limits.isEmpty ? undefined : announcedBytes(announced, limits);
  return length === undefined ? new GrowingBody(limits) : new MeasuredBody(length, limits);
}

/**
 * How many bytes a `content-length` announces; undefined if there is none. Throws `StoreError` if it is not a number or
 * more than is allowed.
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

/** The error for a body that ended too soon. */
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

/** A body of unannounced length. */
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
