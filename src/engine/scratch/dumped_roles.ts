/**
 * The roles that a dump of PostgreSQL in plain text names but does not make, read as it passes: before a statement that
 * needs one of them has reached the server.
 */
import { InterruptedError } from "../../base/errors.ts";
import type { EngineTarget, OpenTarget, TargetStream } from "../engine.ts";
import type { Driven } from "../engine_urls.ts";

/** As much of what has passed is looked at again, since a statement may be cut. Statements with roles are short. */
const LONGEST_STATEMENT = 4096;
const NAME = String.raw`(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)`;
const NAMES = String.raw`${NAME}(?:, ${NAME})*`;
/** What pg_dump writes of owners, rights and policies. Rows that look like it only make a role too many. */
const STATEMENTS = new RegExp(
  String.raw`^(?:ALTER [^\n]* OWNER TO (${NAME});|GRANT [^\n]* TO (${NAMES})(?: WITH GRANT OPTION)?;|` +
    String
      .raw`REVOKE [^\n]* FROM (${NAMES});|ALTER DEFAULT PRIVILEGES FOR ROLE (${NAME}) [^\n]*(?:TO|FROM) (${NAMES})(?: WITH GRANT OPTION)?;|` +
    String.raw`SET SESSION AUTHORIZATION (${NAME});|CREATE POLICY [^\n]* TO (${NAMES}))`,
  "gm",
);
/** Names that stand for something else. */
const NO_ROLES = new Set(["public", "PUBLIC", "current_user", "session_user", "current_role", "default", "DEFAULT"]);

/** Finds roles. */
export class DumpedRoles {
  readonly #known = new Set<string>(NO_ROLES);
  readonly #decoder = new TextDecoder();
  #tail = "";

  /** Takes the next bytes. Returns the roles, in quotes where they need them, that came never before. */
  push(bytes: Uint8Array): string[] {
    const text = this.#tail + this.#decoder.decode(bytes.slice(), { stream: true });
    this.#tail = text.slice(-LONGEST_STATEMENT);
    // The tail begins within a line, which may look like the beginning of one. That only makes a role too many.
    const found = [...text.matchAll(STATEMENTS)].flatMap(([, ...groups]) =>
      groups.filter((group) => group !== undefined)
    );
    const names = found.flatMap((list) => list.match(new RegExp(NAME, "g")) ?? []);
    const fresh = [...new Set(names)].filter((name) => !this.#known.has(name));
    for (const name of fresh) this.#known.add(name);
    return fresh;
  }
}

/** The same target, with the roles of each dump made before their statements come. */
export function withRoles(
  target: Driven<EngineTarget>,
  make: (roles: readonly string[]) => Promise<void>,
): Driven<EngineTarget> {
  return {
    ...target,
    driver: {
      async open(request) {
        const open = await target.driver.open(request);
        return makingRoles(open, async (roles) => {
          if (request.signal.aborted) throw new InterruptedError();
          await make(roles);
        });
      },
    },
  };
}

function makingRoles(open: OpenTarget, make: (roles: readonly string[]) => Promise<void>): OpenTarget {
  return {
    beginLevel: (level) => open.beginLevel(level),
    async take(item): Promise<TargetStream | null> {
      const stream = await open.take(item);
      const roles = new DumpedRoles();
      return stream && {
        async write(bytes) {
          const fresh = roles.push(bytes);
          if (fresh.length > 0) await make(fresh);
          await stream.write(bytes);
        },
        end: () => stream.end(),
      };
    },
    endLevel: () => open.endLevel(),
    finish: () => open.finish(),
    cancel: () => open.cancel(),
  };
}
