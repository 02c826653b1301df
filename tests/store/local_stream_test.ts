/** The local store with content that comes in over time, and once. */
import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { NotFoundError } from "../../src/base/errors.ts";
import { relativePath } from "../../src/store/layout.ts";
import { type LocalStore, openLocalStore } from "../../src/store/local/local_store.ts";
import type { FileSystem } from "../../src/store/local/local_file.ts";
import { bytesOf, pack } from "../conformance/stored_files.ts";
import { countingRandom, filesBelow, fileSystem, type LocalFixture, localFixture } from "./local_fixture.ts";

const PACK = relativePath(pack(1));
const PACK_FOLDER = PACK.slice(0, "data/ab".length);

function storeAt({ root }: LocalFixture, files: Partial<FileSystem> = {}): LocalStore {
  return openLocalStore(root, { random: countingRandom(), files: { ...fileSystem(), ...files } });
}

async function* parts(...all: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const part of all) yield await Promise.resolve(part);
}

Deno.test("content that comes in is stored whole, in a folder that is made for it", async () => {
  await using fixture = await localFixture();
  const store = storeAt(fixture);
  await Deno.remove(fixture.at(PACK_FOLDER));
  await store.put(pack(1), parts(bytesOf(300_000), bytesOf(5), bytesOf(300_000, 2)));
  const whole = Buffer.concat([bytesOf(300_000), bytesOf(5), bytesOf(300_000, 2)]);
  assert.ok(whole.equals(await store.get(pack(1))));
});

Deno.test("content that fails makes put fail with its error, and leaves nothing", async () => {
  await using fixture = await localFixture();
  const reason = new Error("the client is gone");
  const content = async function* () {
    yield await Promise.resolve(bytesOf(10));
    throw reason;
  };
  await assert.rejects(storeAt(fixture).put(pack(1), content()), (error: Error) => error.cause === reason);
  assert.deepEqual(await filesBelow(fixture.root), []);
});

Deno.test("a temporary file or folder that goes while content comes in makes put fail: there is nothing to write again", async () => {
  for (const gone of ["file", "folder"]) {
    await using fixture = await localFixture();
    const content = async function* () {
      yield await Promise.resolve(bytesOf(10));
      if (gone === "folder") await Deno.remove(fixture.at(PACK_FOLDER), { recursive: true });
      for (const path of await filesBelow(fixture.root)) await Deno.remove(fixture.at(path));
    };
    await assert.rejects(storeAt(fixture).put(pack(1), content()), NotFoundError, gone);
    assert.deepEqual(await filesBelow(fixture.root), [], gone);
  }
});

Deno.test("flush reaches the file and its name, and misses what is not there", async () => {
  await using fixture = await localFixture();
  const flushed: string[] = [];
  const store = storeAt(fixture, {
    async open(path, options) {
      const file = await Deno.open(path, options);
      const sync = file.sync.bind(file);
      file.sync = () => sync().then(() => void flushed.push(String(path)));
      return file;
    },
  });
  await assert.rejects(store.flush(pack(1)), NotFoundError);
  await store.put(pack(1), [bytesOf(10)]);
  flushed.length = 0;
  await store.flush(pack(1));
  assert.deepEqual(flushed, [fixture.at(PACK), fixture.at(PACK_FOLDER)]);
});
