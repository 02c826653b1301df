/** Which databases a dump switches to, found as it passes: before a statement of theirs can reach a server. */
import { SqlJudge } from "../../../guard/sql/sql_judge.ts";

/** Reads a dump along. */
export class DumpDatabases {
  readonly #found = new Set<string>();
  readonly #told = new Set<string>();
  readonly #judge = new SqlJudge(null, (event) => {
    if (event.kind === "database" && event.line.startsWith("USE ")) this.#found.add(nameIn(event.line));
  });

  /** Takes the next bytes. Returns the databases that they switch to and that came never before. */
  push(bytes: Uint8Array): readonly string[] {
    this.#judge.push(bytes);
    const fresh = [...this.#found].filter((name) => !this.#told.has(name));
    for (const name of fresh) this.#told.add(name);
    return fresh;
  }
}

/** The name in ``USE `shop`;`` or `USE "shop";`, whose characters stand for bytes of UTF-8. */
function nameIn(line: string): string {
  const [, quote = "", quoted = line] = /^USE ([`"])((?:(?!\1).|\1\1)*)\1/s.exec(line) ?? [];
  const name = quote === "" ? quoted : quoted.replaceAll(quote + quote, quote);
  const bytes = Uint8Array.from(name, (character) => character.charCodeAt(0));
  return new TextDecoder().decode(bytes);
}
