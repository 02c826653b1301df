/** Inputs and outputs of commands: a terminal, a file, or a pipe. */

/** An incoming stream of bytes. */
export interface Input {
  readonly isTerminal: boolean;
  /** Reads the next bytes into `target` and returns their number; null at the end. */
  read(target: Uint8Array): Promise<number | null>;
}

/** An outgoing stream of text or bytes. */
export interface Output {
  readonly isTerminal: boolean;
  /** The width of a line on a terminal. */
  columns(): number;
  write(bytes: Uint8Array): Promise<void>;
  /** Whether the reader is gone, so that further writes are lost without an error; absent if that cannot happen. */
  readonly isClosed?: () => boolean;
}
