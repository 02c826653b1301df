/** Series whose names people and some filesystems take for one. */

/**
 * What to tell where one of the series `others` has a name that differs from that of `series` only in case or in Unicode
 * normal form: two of them, where one was meant, have half of the backups each. Undefined where there is none.
 */
export function similarSeriesWarning(series: string, others: Iterable<string>): string | undefined {
  const folded = fold(series);
  const similar = [...new Set(others)].filter((other) => other !== series && fold(other) === folded).sort()[0];
  if (similar === undefined) return undefined;
  const difference = similar.normalize() === series.normalize()
    ? `Unicode normal form (${codes(similar)}, ${codes(series)})`
    : "case";
  return `There is a series "${similar}", whose name differs from "${series}" only in ${difference}; is it meant to be another?`;
}

/** Upper case first: it takes those together of which only one has a lower case of its own, such as ς and σ. */
function fold(name: string): string {
  return name.normalize().toUpperCase().toLowerCase().normalize();
}

/** The name with everything beyond ASCII as code points, where two names look the same. */
function codes(name: string): string {
  return [...name].map((character) => {
    const code = character.codePointAt(0)!;
    return code < 128 ? character : `\\u{${code.toString(16)}}`;
  }).join("");
}
