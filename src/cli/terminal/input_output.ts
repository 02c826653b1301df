/** What commands read from and write to: a terminal, or whatever is there in its place. */

/** A stream of bytes that comes in. */
export interface Input {
  readonly isTerminal: boolean;
  /** Fills the target with the next bytes and gives how many; null at the end. */
  read(target: Uint8Array): Promise<number | null>;
}

/** A stream of text or bytes that goes out. */
export interface Output {
  readonly isTerminal: boolean;
  /** Characters a line has on a terminal. */
  columns(): number;
  write(bytes: Uint8Array): Promise<void>;
  /** Whether nobody reads it any more: what is written then is lost without an error. Absent where that cannot be. */
  readonly isClosed?: () => boolean;
}
