/** The plain text of help as Markdown: what is typed becomes code, and nothing else is understood as markup. */

/** A quoted command line, an option, a variable, or a word with a sign that prose does not have within a word. */
const TYPED = new RegExp(
  [
    /"(?:agent [a-z]|[a-z]+ -)[^"]*"/,
    /\b(?:sh|md5sum|sha256sum) -c\b/,
    /(?<![\w-])--?[a-zA-Z][\w-]*(?: \d+%?(?= ))?/,
    /\b(?:AGENT|RESTIC|AWS|XDG)_[A-Z_]*[A-Z]\b/,
    /(?<![^\s("])(?=[^\s]*[*<>[\]{}|=~@$\\/:?][^\s.,;:)"])(?:[^\s,;"()]|[,;](?=\S))+(?:\([^\s)]*\))?[^\s.,;:)"]/,
    /(?<![^\s("])(?:\*+|\?)(?![^\s).,;])/,
  ].map(({ source }) => `(?:${source})`).join("|"),
  "g",
);

/** Markdown for a text. */
export function markdownOf(text: string): string {
  let result = "";
  let end = 0;
  for (const { 0: typed, index } of text.matchAll(TYPED)) {
    result += escaped(text.slice(end, index)) + code(typed.replace(/^"(.*)"$/, "$1"));
    end = index + typed.length;
  }
  return result + escaped(text.slice(end));
}

/** A code span. */
export function code(text: string): string {
  const fence = text.includes("`") ? "``" : "`";
  return `${fence}${text}${fence}`;
}

/** A row of a table. */
export function tableRow(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
}

function escaped(text: string): string {
  return text.replaceAll(/[\\`*<>[\]|#~]|(?<!\w)_|_(?!\w)/g, (character) => `\\${character}`);
}
