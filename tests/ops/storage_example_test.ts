/** The program in docs/library.md does what it says. */
import assert from "node:assert/strict";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname!, "../..");

Deno.test("the documented program writes, lists, reads and removes a backup in a store of its own scheme", async () => {
  const page = await Deno.readTextFile(join(ROOT, "docs/library.md"));
  const [, program] = /```ts\n(.*?)```/s.exec(page)!;
  const directory = await Deno.makeTempDir();
  try {
    const library = new URL("../../src/mod.ts", import.meta.url).href;
    await Deno.writeTextFile(join(directory, "program.ts"), program!.replace("@agent/agent", library));
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", "--no-check", `--config=${join(ROOT, "deno.json")}`, join(directory, "program.ts")],
      cwd: directory,
    }).output();
    const text = new TextDecoder();
    assert.equal(text.decode(stdout), "2026-11-21.075342.zone1-0000000100 row 99\n0 left\n", text.decode(stderr));
    assert.equal(code, 0);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(join(directory, "shelves/databases/locks"))), []);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
