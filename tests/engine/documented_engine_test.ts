/** The engine of docs/engines.md, in a project of its own: it passes the suite as the page calls it, a put and a replay. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { engineProject } from "../helpers/documented_programs.ts";

const LOG = "order 1\norder 2\n";

/** Makes the project as the pages tell, does the work in it, and removes it. */
async function inProject(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const files = { ...await engineProject(), "orders.log": LOG };
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(join(folder, name), text);
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function deno(folder: string, ...args: string[]): Promise<void> {
  const command = new Deno.Command(Deno.execPath(), { args, cwd: folder, env: { NO_COLOR: "1" } });
  const { code, stdout, stderr } = await command.output();
  assert.equal(code, 0, new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr));
}

Deno.test("the documented engine passes the suite, called as documented", async () => {
  await inProject((folder) => deno(folder, "test", "--allow-all", "--no-check", "log_engine_test.ts"));
});

Deno.test("the documented engine is put and replayed by the documented program", async () => {
  await inProject(async (folder) => {
    await deno(folder, "run", "--allow-all", "--no-check", "program.ts");
    assert.equal(await Deno.readTextFile(join(folder, "copy.log")), LOG);
  });
});
