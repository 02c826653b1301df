/** Pieces of a stream in messages for people: few characters, all of them printable ASCII. */

const CHARACTERS = { head: 40, message: 160, tail: 16 };

/** A part of a line in double quotes: its beginning, a longer beginning for messages, or its end. */
export function quoted(line: string, part: keyof typeof CHARACTERS): string {
  const count = CHARACTERS[part];
  const piece = part === "tail" ? line.slice(-count) : line.slice(0, count);
  const escaped = piece.replace(
    /[^ -~]|["\\]/g,
    (character) =>
      character === '"' || character === "\\"
        ? `\\${character}`
        : `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
  const ellipsis = piece.length < line.length ? "…" : "";
  return part === "tail" ? `"${ellipsis}${escaped}"` : `"${escaped}${ellipsis}"`;
}
