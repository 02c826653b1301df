/** The local store in real trouble: a full disk, a read-only one, missing permission, a killed writer. */
import assert from "node:assert/strict";
import { dirname } from "node:path/posix";
import { DeniedError, NotFoundError, StoreFullError } from "../../src/base/errors.ts";
import { relativePath } from "../../src/store/layout.ts";
import { bytesOf, idOf, listing, pack } from "../conformance/stored_files.ts";
import { boundByModes } from "../helpers/bound_by_modes.ts";
import { programTest } from "../helpers/programs.ts";
import { filesBelow, localFixture } from "../store/local_fixture.ts";
import { mountSmallDisk, whyNoSmallDisk } from "./small_disk.ts";

const noDisk = await whyNoSmallDisk();
const skipped = noDisk ? ` (skipped: ${noDisk})` : "";

const PROGRAM = new URL("./store_program.ts", import.meta.url).pathname;

/** Begins a run of `store_program.ts`, after the words of `before`. */
function program(mode: "put" | "stall", folder: string, before: readonly string[] = []): Deno.ChildProcess {
  const deno = [Deno.execPath(), "run", "--no-check", "--allow-all", "--quiet"];
  const [command, ...args] = [...before, ...deno, PROGRAM, mode, folder];
  return new Deno.Command(command!, { args, stdout: "piped", stderr: "null" }).spawn();
}

Deno.test({
  name: `a full disk is told as such and leaves nothing behind${skipped}`,
  ignore: noDisk !== undefined,
  async fn() {
    await using disk = await mountSmallDisk(4 * 2 ** 20);
    await using fixture = await localFixture({}, { parent: disk.path });
    const { store, root } = fixture;
    await store.put(pack(1), [bytesOf(2 ** 20)]);
    await assert.rejects(store.put(pack(2), [bytesOf(8 * 2 ** 20)]), StoreFullError);
    assert.deepEqual(await filesBelow(root), [relativePath(pack(1))]);
    await store.put(pack(2), [bytesOf(2 ** 20)]);
    assert.deepEqual(await store.get(pack(2)), bytesOf(2 ** 20));
  },
});

Deno.test({
  name: `a read-only disk refuses changes and still reads${skipped}`,
  ignore: noDisk !== undefined,
  async fn() {
    await using disk = await mountSmallDisk(2 ** 20);
    const { store } = await localFixture({}, { parent: disk.path });
    await store.put(pack(1), [bytesOf(10)]);
    await disk.readOnly();
    await assert.rejects(store.put(pack(2), [bytesOf(10)]), DeniedError);
    await assert.rejects(store.remove(pack(1)), DeniedError);
    assert.deepEqual(await store.get(pack(1)), bytesOf(10));
  },
});

programTest({
  name: "a folder without permission is told as denied",
  needs: ["setpriv"],
  async fn({ setpriv }) {
    await using fixture = await localFixture();
    await Deno.chmod(fixture.at(dirname(relativePath(pack(1)))), 0o500);
    const { stdout } = await program("put", fixture.root, boundByModes(setpriv)).output();
    assert.equal(new TextDecoder().decode(stdout).trim(), "DeniedError");
  },
});

Deno.test("a killed writer leaves what was acknowledged, and a temporary file that nobody minds", async () => {
  await using fixture = await localFixture();
  const { store, root, at } = fixture;
  const writer = program("stall", root);
  await readUntil(writer.stdout, "half\n");
  writer.kill("SIGKILL");
  await writer.status;

  const files = await filesBelow(root);
  assert.equal(files.length, 2);
  const left = files.find((path) => path !== relativePath(pack(1)))!;
  assert.ok(left.startsWith(`${relativePath(pack(2))}-tmp-`), left);
  assert.equal((await Deno.stat(at(left))).size, 2 ** 20);

  assert.deepEqual([...await listing(store, "pack")], [[idOf(1), 1000]]);
  assert.deepEqual(await store.get(pack(1)), bytesOf(1000));
  await assert.rejects(store.get(pack(2)), NotFoundError);
  await store.put(pack(2), [bytesOf(10)]);
  assert.deepEqual(await store.get(pack(2)), bytesOf(10));
});

/** Reads until the text was seen and lets the rest go; fails where the stream ends before. */
async function readUntil(stream: ReadableStream<Uint8Array>, text: string): Promise<void> {
  let seen = "";
  const decoder = new TextDecoder();
  for await (const bytes of stream) {
    seen += decoder.decode(bytes, { stream: true });
    if (seen.includes(text)) return;
  }
  assert.fail(`The program ended after ${JSON.stringify(seen)}`);
}
