/** Which program of a database is taken. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { SourceError } from "../../../src/base/errors.ts";
import { findClientProgram, postgresqlFolders } from "../../../src/engine/client/client_program.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";

const DUMP = { names: ["mariadb-dump", "mysqldump"], debianPackage: "mariadb-client", purpose: "to dump MariaDB" };

async function program(...path: string[]): Promise<string> {
  const file = join(...path);
  await Deno.mkdir(join(file, ".."), { recursive: true });
  await Deno.writeTextFile(file, "#!/bin/sh\n", { mode: 0o755 });
  return file;
}

Deno.test("the preferred name is taken first, then the earlier folder, then folders that are not in PATH", async () => {
  await using directory = new TestDirectory();
  const [a, b, c] = ["a", "b", "c"].map((name) => join(directory.path, name)) as [string, string, string];
  const older = await program(a, "mysqldump");
  assert.equal(findClientProgram(DUMP, `:${a}:${b}:`), older);
  const newer = await program(b, "mariadb-dump");
  assert.equal(findClientProgram(DUMP, `${a}:${b}`), newer);
  const apart = await program(c, "only-here");
  assert.equal(findClientProgram({ ...DUMP, names: ["only-here"], folders: [c] }, a), apart);
});

Deno.test("what is no program is not taken, and the error names the package", async () => {
  await using directory = new TestDirectory();
  await Deno.mkdir(join(directory.path, "mariadb-dump"));
  await Deno.writeTextFile(join(directory.path, "mysqldump"), "", { mode: 0o644 });
  assert.throws(
    () => findClientProgram(DUMP, directory.path),
    new SourceError(
      "There is no mariadb-dump or mysqldump to dump MariaDB; Debian has it in the package mariadb-client",
    ),
  );
});

Deno.test("of several versions of PostgreSQL the newest comes first", async () => {
  await using directory = new TestDirectory();
  for (const version of ["9", "15", "common"]) await Deno.mkdir(join(directory.path, version));
  assert.deepEqual(
    postgresqlFolders(directory.path),
    ["15", "9"].map((version) => join(directory.path, version, "bin")),
  );
  assert.deepEqual(postgresqlFolders(join(directory.path, "nowhere")), []);
});
