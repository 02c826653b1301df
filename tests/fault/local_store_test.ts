/** The local store in real trouble: a full disk, a read-only one, missing permission, a killed writer. */
import assert from "node:assert/strict";
import { dirname } from "node:path/posix";
import { DeniedError, NotFoundError, StoreFullError } from "../../src/base/errors.ts";
import { relativePath } from "../../src/store/layout.ts";
import { bytesOf, idOf, listing, pack } from "../conformance/store_suite.ts";
import { filesBelow, localFixture } from "../store/local_fixture.ts";
import { mountSmallDisk, whyNoSmallDisk } from "./small_disk.ts";

const noDisk = await whyNoSmallDisk();
const skipped = noDisk ? ` (skipped: ${noDisk})` : "";

const PROGRAM = new URL("./store_program.ts", import.meta.url).pathname;
/** Root may do everything, so permissions show only to a program that runs as nobody. */
const AS_NOBODY = Deno.uid() === 0 ? { uid: 65534, gid: 65534, env: { DENO_DIR: "/nonexistent" } } : {};
const notAsNobody = await whyNotAsNobody();

/** Begins a run of `store_program.ts`, as this user unless `as` says otherwise. */
function program(mode: "put" | "stall", folder: string, as: Partial<typeof AS_NOBODY> = {}): Deno.ChildProcess {
  const args = ["run", "--no-check", "--allow-all", "--quiet", PROGRAM, mode, folder];
  return new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "null", ...as }).spawn();
}

/** Why `program` cannot run as nobody; `undefined` where it can. */
async function whyNotAsNobody(): Promise<string | undefined> {
  for (const [command, ...args] of [[Deno.execPath(), "--version"], ["cat", PROGRAM]]) {
    const options = { args, stdout: "null", stderr: "null", ...AS_NOBODY } as const;
    const ran = await new Deno.Command(command!, options).output().then(({ success }) => success, () => false);
    if (!ran) return `the user nobody may not read ${args.includes(PROGRAM) ? "the checkout" : "the deno executable"}`;
  }
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

Deno.test({
  name: `a folder without permission is told as denied${notAsNobody ? ` (skipped: ${notAsNobody})` : ""}`,
  ignore: notAsNobody !== undefined,
  async fn() {
    await using fixture = await localFixture();
    for (const folder of [dirname(fixture.root), fixture.root, fixture.at("data")]) await Deno.chmod(folder, 0o711);
    await Deno.chmod(fixture.at(dirname(relativePath(pack(1)))), 0o500);
    const { stdout } = await program("put", fixture.root, AS_NOBODY).output();
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
