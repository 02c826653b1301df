/** Compares bytes with a text that mostly stands there, four characters at a time. */

/**
 * A text of at least four characters, split into words of four bytes for comparison. The last two words may overlap.
 */
export interface ExpectedText {
  /** In characters, all of which are ASCII. */
  readonly length: number;
  /** Big-endian. */
  readonly words: Uint32Array;
}

/** Prepares a text for comparison. */
export function expected(text: string): ExpectedText {
  const view = new DataView(new TextEncoder().encode(text).buffer);
  const words = Uint32Array.from(
    { length: Math.ceil(text.length / 4) },
    (_, i) => view.getUint32(Math.min(4 * i, text.length - 4)),
  );
  return { length: text.length, words };
}

/** Whether the text begins at `position` of `view`. */
export function standsAt(view: DataView, position: number, { length, words }: ExpectedText): boolean {
  if (position + length > view.byteLength) return false;
  const last = words.length - 1;
  for (let i = 0; i < last; i++) {
    if (view.getUint32(position + 4 * i) !== words[i]) return false;
  }
  return view.getUint32(position + length - 4) === words[last];
}
