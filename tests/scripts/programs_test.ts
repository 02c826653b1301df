/** Tests that need a program: found, missing, and missing in CI. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { pathOfTests } from "../../scripts/tests/run.ts";
import { findProgram } from "../helpers/programs.ts";

const HELPER = new URL("../helpers/programs.ts", import.meta.url).href;

/** What `deno test` prints for a file with one program test of the given need, and whether it succeeds. */
async function runProgramTest(need: string, env: Record<string, string>): Promise<{ success: boolean; text: string }> {
  const folder = await Deno.makeTempDir();
  try {
    const file = join(folder, "one_test.ts");
    const body = `import { programTest } from "${HELPER}";
      programTest({ name: "wants it", needs: ["${need}"], fn: (found) => { if (!found["${need}"]) throw "no path"; } });`;
    await Deno.writeTextFile(file, body);
    const command = new Deno.Command(Deno.execPath(), {
      args: ["test", "--allow-all", "--no-check", "--no-config", "--no-lock", file],
      env: { NO_COLOR: "1", CI: "", AGENT_TEST_ABSENT: "", ...env },
    });
    const { success, stdout, stderr } = await command.output();
    return { success, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a program on PATH is found, another is not", () => {
  assert.match(findProgram("sh") ?? "", /^\/.*\/sh$/);
  assert.equal(findProgram("no-such-program"), undefined);
});

Deno.test("the programs of the newest PostgreSQL come before all others, if there are any", async () => {
  const root = await Deno.makeTempDir();
  try {
    assert.equal(await pathOfTests("/bin", root), "/bin");
    for (const name of ["9", "17", "15", "common"]) await Deno.mkdir(join(root, name));
    assert.equal(await pathOfTests("/bin", root), `${root}/17/bin:/bin`);
    assert.equal(await pathOfTests("/bin", join(root, "none")), "/bin");
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("a test whose program is there runs and gets its path", async () => {
  const { success, text } = await runProgramTest("sh", { CI: "true" });
  assert.ok(success, text);
  assert.match(text, /1 passed \| 0 failed(?! \| \d+ ignored)/);
});

Deno.test("a test whose program is missing is ignored and says what it needs", async () => {
  const { success, text } = await runProgramTest("no-such-program", {});
  assert.ok(success, text);
  assert.match(text, /wants it \(skipped: needs no-such-program\) \.\.\. ignored/);
});

Deno.test("in CI a test whose program is missing fails, unless CI is known not to have it", async () => {
  const failing = await runProgramTest("no-such-program", { CI: "true" });
  assert.ok(!failing.success);
  assert.match(failing.text, /Cannot skip in CI: needs no-such-program/);
  const { success, text } = await runProgramTest("no-such-program", {
    CI: "true",
    AGENT_TEST_ABSENT: "a,no-such-program",
  });
  assert.ok(success, text);
});
