/** SQLite into the agent and back, and a dump that was cut. */
import { deepEqual, equal } from "node:assert/strict";
import { sandbox } from "../helpers/executable.ts";
import { programTest } from "../helpers/programs.ts";
import { assertRefused, guardOf, putOf, succeed } from "./pipes.ts";

const MAKE_TABLES = `
CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT, weight REAL, blob BLOB);
WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO notes SELECT i, CASE WHEN i % 7 THEN 'Ünï 🦀 ''quoted''' || char(10) || hex(i * 7919) END, -i / 7.0,
  zeroblob(i % 5) FROM n;
CREATE INDEX by_text ON notes (text);
`;

programTest({
  name: "SQLite: .dump through put and get, and a dump that was cut",
  needs: ["sqlite3"],
  fn: async ({ sqlite3 }) => {
    await using box = await sandbox();
    await succeed(box, `${sqlite3} notes.db <<'SQL'\n${MAKE_TABLES}\nSQL`);
    const summary = await putOf(box, `${sqlite3} notes.db .dump`, "notes");
    deepEqual(guardOf(summary), { format: "sqlite", complete: true });
    await assertRefused(box, `${sqlite3} notes.db .dump | head -n -1 | "$AGENT" put notes`);
    await succeed(box, `"$AGENT" get notes --quiet | ${sqlite3} back.db`);
    const [original, back] = await Promise.all(
      ["notes.db", "back.db"].map((name) => succeed(box, `${sqlite3} ${name} .sha3sum`)),
    );
    equal(back, original);
    equal(original!.length > 50, true, original);
  },
});
