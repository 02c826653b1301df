/** Warns about series names that people and some filesystems cannot tell apart. */

/**
 * The warning if the name of one of `others` differs from `series` only in case, in white space or in Unicode normal form:
 * if one series was meant, its backups are split between two names. Undefined if there is no such name.
 */
export function similarSeriesWarning(series: string, others: Iterable<string>): string | undefined {
  const folded = fold(series);
  const similar = [...new Set(others)].filter((other) => other !== series && fold(other) === folded).sort()[0];
  if (similar === undefined) return undefined;
  const difference = differenceOf(similar, series);
  return `There is a series "${similar}", whose name differs from "${series}" only in ${difference}; is it meant to be another?`;
}

function differenceOf(one: string, other: string): string {
  if (one.normalize() === other.normalize()) return `Unicode normal form (${codes(one)}, ${codes(other)})`;
  if (withoutSpace(one) === withoutSpace(other)) return "white space";
  return foldCase(one) === foldCase(other) ? "case" : "case and white space";
}

function withoutSpace(name: string): string {
  return name.normalize().replaceAll(/\s+/gu, "");
}

function fold(name: string): string {
  return foldCase(withoutSpace(name));
}

/** Upper case comes first, to unite letters of which only one has its own lower case, such as ς and σ. */
function foldCase(name: string): string {
  return name.normalize().toUpperCase().toLowerCase().normalize();
}

/** The name with its characters beyond ASCII as code points, for names that look the same. */
function codes(name: string): string {
  return [...name].map((character) => {
    const code = character.codePointAt(0)!;
    return code < 128 ? character : `\\u{${code.toString(16)}}`;
  }).join("");
}
