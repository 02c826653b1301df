/** Which of the installed programs of PostgreSQL is taken. */
import assert from "node:assert/strict";
import { SourceError } from "../../../src/base/errors.ts";
import { canRestrict, findProgram, parseVersion } from "../../../src/engine/postgresql/client_versions.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";

Deno.test("a version is read from what programs print", () => {
  assert.deepEqual(parseVersion("psql (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), { major: 15, minor: 18 });
  assert.deepEqual(parseVersion("pg_dump (PostgreSQL) 18beta1\n"), { major: 18, minor: 0 });
  assert.deepEqual(parseVersion("pg_dump (PostgreSQL) 9.6.24\n"), { major: 9, minor: 6 });
  assert.equal(parseVersion("command not found"), undefined);
});

Deno.test("psql is known to restrict commands since certain versions", () => {
  const known = ([major, minor]: readonly [number, number]) => canRestrict({ major, minor });
  assert.ok(([[13, 22], [14, 19], [15, 14], [15, 18], [16, 10], [17, 6], [18, 0], [19, 0]] as const).every(known));
  assert.ok(!([[9, 6], [12, 30], [13, 21], [14, 18], [15, 13], [16, 9], [17, 5]] as const).some(known));
});

Deno.test("the program of the server's version is taken, else the first newer one; if there is none, the package is named", async () => {
  await using directory = new TestDirectory();
  for (const [folder, version] of [["a", "13.4"], ["b", "15.1"], ["c", "17.2"]]) {
    directory.write(`${folder}/pg_dump`, `#!/bin/sh\necho 'pg_dump (PostgreSQL) ${version}'\n`);
    await Deno.chmod(directory.at(`${folder}/pg_dump`), 0o755);
  }
  const machine = { environment: { PATH: `${directory.at("a")}:${directory.at("none")}` } };
  const apart = [directory.at("c"), directory.at("b")];
  const find = (major: number, folders = apart) => findProgram("pg_dump", machine, { major, apart: folders });
  assert.deepEqual(await find(0), { path: directory.at("a/pg_dump"), version: { major: 13, minor: 4 } });
  assert.equal((await find(14)).path, directory.at("c/pg_dump"));
  assert.equal((await find(15)).path, directory.at("b/pg_dump"), "that of the server goes before a newer one");
  await assert.rejects(
    find(18),
    new SourceError(
      "pg_dump is of version 17, but version 18 or a newer one is needed; Debian and apt.postgresql.org have it in the " +
        "package postgresql-client-18",
    ),
  );
  await assert.rejects(
    findProgram("psql", { environment: {} }, { apart: [] }),
    new SourceError("There is no psql to talk to PostgreSQL; Debian has it in the package postgresql-client"),
  );
});
