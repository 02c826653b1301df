/** Readers that have seen enough, and a standard output that was closed from the start. */
import assert from "node:assert/strict";
import { mapConcurrently } from "../../src/base/concurrency.ts";
import { ExitCode } from "../../src/base/errors.ts";
import { putHere } from "../helpers/agent_here.ts";
import { bulkNoise, type Sandbox, sandbox } from "../helpers/executable.ts";

const COMMANDS = [
  "--help",
  "put --help",
  "version",
  "ls",
  "ls --json",
  "show s",
  "show s --md5sums",
  "chain s",
  "status",
  "check",
  "verify s",
  "key list",
  "forget --keep-last 1 --dry-run",
];

async function filled(): Promise<Sandbox> {
  const box = await sandbox();
  for (let i = 0; i < 3; i++) await putHere(box, "s", bulkNoise(300_000, `reader ${i}`));
  return box;
}

Deno.test("a reader that closes the pipe ends every command silently and as it would have ended", async () => {
  await using box = await filled();
  await mapConcurrently(COMMANDS, 4, async (command) => {
    const quiet = /help|version/.test(command) ? "" : "-q";
    // The reader is gone before the first word: it has ended once nothing can be written to its pipe any more.
    const waits = "while printf '' && echo x 2>&-; do :; done";
    const script = `exec 3>&1; { ${waits}; "$AGENT" ${command} ${quiet} 2>&3; echo "exit $?" >&3; } | true`;
    const { stdout } = await box.shell(`trap '' PIPE; ${script}`);
    assert.equal(stdout, "exit 0\n", command);
  });
});

Deno.test("what is overdue stays so where nobody reads it", async () => {
  await using box = await filled();
  const { stdout } = await box.shell('"$AGENT" status --expect none=1h | true; echo "${PIPESTATUS[0]}"');
  assert.equal(stdout, `${ExitCode.overdue}\n`);
});

Deno.test("get to a standard output that is closed says so before it reads anything", async () => {
  await using box = await filled();
  for (const command of ["get s", "get s -o -"]) {
    const { exitCode, stderr } = await box.shell(`"$AGENT" ${command} >&-`);
    assert.equal(exitCode, ExitCode.usage);
    assert.equal(stderr, "agent: Standard output is closed, so nobody would get the stream: use -o FILE, or a pipe\n");
  }
  const { exitCode } = await box.shell(
    '"$AGENT" get s -q >/dev/null && "$AGENT" get s -q -o file >&- && "$AGENT" ls -q >&-',
  );
  assert.equal(exitCode, ExitCode.done, "somebody who wants no output gets none");
});

Deno.test("a backup is there although nobody reads its id", async () => {
  await using box = await filled();
  for (const where of ["| true", ">&-"]) {
    const { stdout } = await box.shell(`echo ${where.length} | "$AGENT" put new -q ${where}; echo "\${PIPESTATUS[@]}"`);
    assert.match(stdout, /^0 0/, where);
    assert.equal(await box.ok(["get", "new", "-q"]), `${where.length}\n`);
  }
});

Deno.test("a backup is there although its id cannot be written, and the error says so", async () => {
  await using box = await filled();
  const { exitCode, stderr } = await box.shell('echo x | "$AGENT" put new -q >/dev/full');
  assert.equal(exitCode, ExitCode.failed);
  assert.match(
    stderr,
    /^agent: The backup new@[0-9a-f]{8} is committed, but its id could not be written: Standard output cannot be written: No space left on device\n$/,
  );
  assert.equal(await box.ok(["get", "new", "-q"]), "x\n");
});
