/** What libpq itself makes of a URI: its function `PQconninfoParse`. */

const SYMBOLS = {
  PQconninfoParse: { parameters: ["buffer", "pointer"], result: "pointer" },
  PQconninfoFree: { parameters: ["pointer"], result: "void" },
} as const;

/** The size of a `PQconninfoOption`, and where its pointers to keyword and value are. */
const OPTION = { bytes: 56, keyword: 0, value: 24 };

/** PostgreSQL's client library. */
export class Libpq implements Disposable {
  readonly #library = Deno.dlopen("libpq.so.5", SYMBOLS);

  /** The parameters that a URI sets; null if libpq refuses it. */
  parse(uri: string): Record<string, string> | null {
    const { PQconninfoParse, PQconninfoFree } = this.#library.symbols;
    const options = PQconninfoParse(new TextEncoder().encode(`${uri}\0`), null);
    if (options === null) return null;
    const set: Record<string, string> = {};
    const view = new Deno.UnsafePointerView(options);
    for (let at = 0;; at += OPTION.bytes) {
      const keyword = view.getPointer(at + OPTION.keyword);
      if (keyword === null) break;
      const value = view.getPointer(at + OPTION.value);
      if (value !== null) set[textAt(keyword)] = textAt(value);
    }
    PQconninfoFree(options);
    return set;
  }

  [Symbol.dispose](): void {
    this.#library.close();
  }
}

function textAt(pointer: NonNullable<Deno.PointerValue>): string {
  return new Deno.UnsafePointerView(pointer).getCString();
}
