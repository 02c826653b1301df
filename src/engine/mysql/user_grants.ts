/** What a user may do in databases, from the server's own list, which includes the rights of roles of MariaDB. */
import type { MysqlClient, QueryOptions } from "./mysql_client.ts";

/** Rights for the whole server or for databases. */
interface Grant {
  readonly privileges: readonly string[];
  /** The names of the databases; null for all. */
  readonly databases: RegExp | null;
}

/** The rights that a user has for databases as a whole, without those for single tables. */
export class UserGrants {
  readonly #grants: readonly Grant[];

  private constructor(grants: readonly Grant[]) {
    this.#grants = grants;
  }

  /** Asks the server. Throws what `query` throws. */
  static async ask(client: MysqlClient, options: QueryOptions = {}): Promise<UserGrants> {
    const rows = await client.query("SHOW GRANTS", options);
    return UserGrants.of(rows.map(([line]) => line!));
  }

  /** Reads lines such as ``GRANT SELECT, TRIGGER ON `shop`.* TO …``. Others, as those for single tables, say nothing. */
  static of(lines: readonly string[]): UserGrants {
    return new UserGrants(lines.flatMap((line) => {
      const [, privileges, place] = /^GRANT (.+?) ON (\*|`(?:[^`]|``)*`)\.\* TO /s.exec(line) ?? [];
      if (privileges === undefined) return [];
      const databases = place === "*" ? null : patternOf(place!.slice(1, -1).replaceAll("``", "`"));
      return [{ privileges: privileges.split(", "), databases }];
    }));
  }

  /** Whether the user has a privilege for all of a database. */
  has(privilege: string, database: string): boolean {
    return this.#grants.some(({ privileges, databases }) =>
      [privilege, "ALL PRIVILEGES"].some((one) => privileges.includes(one)) && (databases?.test(database) ?? true)
    );
  }
}

/** Grants name databases by patterns: `_` is any character, `%` are any, and a backslash takes the meaning away. */
function patternOf(text: string): RegExp {
  const parts = [...text.matchAll(/\\[_%\\]|[^]/gu)].map(([part]) => {
    if (part === "_") return "[^]";
    return part === "%" ? "[^]*" : RegExp.escape(part.length > 1 ? part.slice(1) : part);
  });
  return new RegExp(`^${parts.join("")}$`, "u");
}
