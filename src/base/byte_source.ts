/** Where the bytes of a stream come from: standard input, a command's output, anything a program hands over. */

/** A source that is read once, front to back. Standard input is one as it is. */
export interface ByteSource {
  /** Fills the front of `target`; gives how many bytes, or null at the end. `target` may be shared memory. */
  read(target: Uint8Array): Promise<number | null>;
  /** Stops reading before the end: closes the pipe, ends the command. Never throws, safe to repeat. */
  cancel(): Promise<void>;
}

/** A web stream as a source. */
export function sourceOfStream(stream: ReadableStream<Uint8Array>): ByteSource {
  const reader = stream.getReader();
  let rest = new Uint8Array(0);
  return {
    async read(target) {
      while (rest.length === 0) {
        const { done, value } = await reader.read();
        if (done) return null;
        rest = value as Uint8Array<ArrayBuffer>;
      }
      const count = Math.min(rest.length, target.length);
      target.set(rest.subarray(0, count));
      rest = rest.subarray(count);
      return count;
    },
    async cancel() {
      await reader.cancel().catch(() => {});
    },
  };
}

/** A source whose end has to be judged: a command's output counts only where the command succeeded. */
export interface JudgedSource extends ByteSource {
  /** Asked after the last byte; throws `SourceError` where what lies behind the stream failed. */
  ended(): Promise<void>;
}
