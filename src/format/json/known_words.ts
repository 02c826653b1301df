/** Known words, such as names of fields, that a scanner reads a million times. */

interface KnownWord {
  readonly text: string;
  readonly bytes: Uint8Array;
}

/** Words for which a scanner always returns the same string, instead of making a new one each time. */
export class KnownWords {
  readonly #byLength: KnownWord[][] = [];

  constructor(words: readonly string[]) {
    for (const text of words) {
      const bytes = new TextEncoder().encode(text);
      for (let length = this.#byLength.length; length <= bytes.length; length++) this.#byLength.push([]);
      this.#byLength[bytes.length]!.push({ text, bytes });
    }
  }

  /** The word that `bytes` spells from `start` to `end`, if it is a known one. */
  find(bytes: Uint8Array, start: number, end: number): string | undefined {
    const length = end - start;
    if (length >= this.#byLength.length) return undefined;
    const candidates = this.#byLength[length]!;
    next: for (let c = 0; c < candidates.length; c++) {
      const word = candidates[c]!;
      for (let i = 0; i < length; i++) {
        if (word.bytes[i] !== bytes[start + i]) continue next;
      }
      return word.text;
    }
    return undefined;
  }
}
