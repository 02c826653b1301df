/** Sealed files: named by their content, verified when they are read. */
import assert from "node:assert/strict";
import { zstdCompressSync } from "node:zlib";
import { IntegrityError, NotFoundError } from "../../src/base/errors.ts";
import { sha256 } from "../../src/crypto/digest.ts";
import { SealedFileWriter } from "../../src/repository/sealed_files.ts";
import { concat, fakeWorld, memoryRepository, namesOf, noise } from "../helpers/world.ts";

const { store, repository } = await memoryRepository(fakeWorld("sealed files"));
const JSON_BYTES = new TextEncoder().encode(JSON.stringify({ text: "abc ".repeat(1000) }));

for (const version of [1, 2] as const) {
  Deno.test(`what was saved in version ${version} is loaded, under the name of its content`, async () => {
    const files = new SealedFileWriter(store, repository.sealer, version);
    const id = await files.save("index", JSON_BYTES.slice());
    assert.deepEqual(await files.load("index", id), JSON_BYTES);
    const bytes = await store.get({ kind: "index", name: id });
    assert.equal(sha256(bytes).toHex(), id);
    assert.equal(bytes.length < JSON_BYTES.length, version === 2);
    assert.deepEqual((await Array.fromAsync(files.list("index"))).map(({ name }) => name), [id]);
    await files.remove("index", id);
    await files.remove("index", id);
    assert.deepEqual(await namesOf(store, "index"), []);
    await assert.rejects(files.load("index", id), NotFoundError);
  });
}

Deno.test("saving the same twice makes two files: nobody can tell that they are equal", async () => {
  const first = await repository.files.save("snapshot", JSON_BYTES.slice());
  const second = await repository.files.save("snapshot", JSON_BYTES.slice());
  assert.notEqual(first, second);
});

Deno.test("content that is not what its name says is refused, and so is what is not sealed with this key", async () => {
  const junk = noise(200, "junk");
  const own = sha256(junk).toHex();
  await store.put({ kind: "lock", name: own }, [junk]);
  await assert.rejects(repository.files.load("lock", own as never), IntegrityError);
  const strange = noise(32, "strange").toHex();
  const id = await repository.files.save("index", JSON_BYTES.slice());
  await store.put({ kind: "lock", name: strange }, [await store.get({ kind: "index", name: id })]);
  await assert.rejects(repository.files.load("lock", strange as never), { code: "integrity", message: /named by/ });
});

Deno.test("files are refused by their size before they are read, by what they unpack to before that is in memory", async () => {
  const put = async (kind: "index" | "snapshot" | "lock", bytes: Uint8Array<ArrayBuffer>) => {
    const id = sha256(bytes).toHex();
    await store.put({ kind, name: id }, [bytes]);
    return id as never;
  };
  const frame = (bytes: Uint8Array) => repository.sealer.seal(concat([new Uint8Array([2]), zstdCompressSync(bytes)]));
  const large = await put("lock", repository.sealer.seal(new Uint8Array(65_000).fill(0x7b)));
  await repository.files.load("lock", large);
  const tooLarge = await put("lock", repository.sealer.seal(new Uint8Array(65_537).fill(0x7b)));
  await assert.rejects(repository.files.load("lock", tooLarge), {
    code: "integrity",
    message: /more than 65536 bytes/,
  });
  for (const [kind, most] of [["lock", 65_536], ["snapshot", 4 * MIB], ["index", 4 * MIB]] as const) {
    assert.equal((await repository.files.load(kind, await put(kind, frame(new Uint8Array(most))))).length, most);
    const bomb = await put(kind, frame(new Uint8Array(most + 1)));
    await assert.rejects(repository.files.load(kind, bomb), { code: "integrity", message: /cannot be decompressed/ });
  }
});

const MIB = 2 ** 20;
