/** The names that occur in statements, so that what a table uses (types, functions, sequences) comes with it. */

/** Identifiers joined by dots, quoted as PostgreSQL or MySQL do. Names within quotes ('public.s'::regclass) count. */
const CHAIN =
  /(?:"(?:[^"]|"")+"|`(?:[^`]|``)+`|[\p{L}_][\p{L}\p{N}_$]*)(?:\.(?:"(?:[^"]|"")+"|`(?:[^`]|``)+`|[\p{L}_][\p{L}\p{N}_$]*))*/gu;
const IDENTIFIER = /"(?:[^"]|"")+"|`(?:[^`]|``)+`|[^".`]+/g;

/** All names in some texts. More may be found than are used: what comes too much does no harm. */
export class UsedNames {
  readonly #names = new Set<string>();

  /** Adds the names in a text. */
  add(text: string): void {
    for (const [chain] of text.matchAll(CHAIN)) {
      const parts = chain.match(IDENTIFIER)!.map(unquoted);
      parts.forEach((name, i) => {
        this.#names.add(name);
        if (i > 0) this.#names.add(pair(parts[i - 1]!, name));
      });
    }
  }

  /** Whether a name occurs, with its schema if it has one. */
  has(schema: string | null, name: string): boolean {
    return this.#names.has(schema === null ? name : pair(schema, name));
  }
}

function pair(schema: string, name: string): string {
  return JSON.stringify([schema, name]);
}

function unquoted(identifier: string): string {
  const quote = identifier[0]!;
  if (quote !== '"' && quote !== "`") return identifier;
  return identifier.slice(1, -1).replaceAll(quote + quote, quote);
}
