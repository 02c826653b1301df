/** Suggestions for a name that does not exist. */

/** Longer names are not compared: nobody types them, and the time to compare grows with the square of the length. */
const MOST_CHARACTERS = 255;

/** A name may have one mistake for each group of this many characters. */
const CHARACTERS_PER_MISTAKE = 3;

/**
 * The known name that is nearest to `written`, or undefined if none is near. A near name differs in few characters
 * (added, missing, wrong, or swapped with a neighbour), in case only, or in a missing beginning: `shop` for
 * `prod/shop`. Of several equally near names, the first wins.
 */
export function nearestName(written: string, known: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  let least = Infinity;
  for (const name of known) {
    const mistakes = mistakesOf(written, name);
    if (mistakes >= least || mistakes > mostMistakes(written, name)) continue;
    nearest = name;
    least = mistakes;
  }
  return nearest;
}

/** `; did you mean "prod/shop"?`, or an empty text if no known name is near. */
export function didYouMean(written: string, known: Iterable<string>): string {
  const nearest = nearestName(written, known);
  return nearest === undefined ? "" : `; did you mean "${nearest}"?`;
}

function mostMistakes(written: string, name: string): number {
  return Math.max(1, Math.floor(Math.max(written.length, name.length) / CHARACTERS_PER_MISTAKE));
}

function mistakesOf(written: string, name: string): number {
  if (written === "" || written.length > MOST_CHARACTERS || name.length > MOST_CHARACTERS) return Infinity;
  const [left, right] = [written.toLowerCase(), name.toLowerCase()];
  if (left === right) return 0;
  if (right.endsWith(`/${left}`) || left.endsWith(`/${right}`)) return 1;
  return Math.abs(left.length - right.length) > mostMistakes(left, right) ? Infinity : distance(left, right);
}

/** The number of insertions, deletions, replacements and swaps of neighbours that turn one text into the other. */
function distance(left: string, right: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, i) => i);
  for (let i = 1; i <= left.length; i++) {
    const row = [i];
    for (let j = 1; j <= right.length; j++) {
      const replaced = last[j - 1]! + (left[i - 1] === right[j - 1] ? 0 : 1);
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, replaced);
      const isSwapped = i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1];
      if (isSwapped) row[j] = Math.min(row[j]!, beforeLast[j - 2]! + 1);
    }
    [beforeLast, last] = [last, row];
  }
  return last[right.length]!;
}
