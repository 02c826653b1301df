/** The index on disk when several processes make it at once, and when they are killed. */
import assert from "node:assert/strict";
import { systemClock } from "../../../../src/base/clock.ts";
import { systemRandomBytes } from "../../../../src/crypto/random.ts";
import { encodeIndex } from "../../../helpers/encode_index.ts";
import { loadExistenceAhead } from "../../../../src/repository/index/sorted/load_existence.ts";
import { initRepository, type UnlockedRepository } from "../../../../src/repository/repository.ts";
import { openLocalStore } from "../../../../src/store/local/local_store.ts";
import { TestDirectory } from "../../../helpers/test_directory.ts";
import { CHEAP_KDF, fakeWorld, PASSWORD } from "../../../helpers/world.ts";
import { blobId, isTree, packOf } from "./sorted_repository.ts";

const PROGRAM = new URL("build_program.ts", import.meta.url).pathname;
const BLOBS = Array.from({ length: 3000 }, (_, i) => i);

class Builders implements AsyncDisposable {
  readonly #directory = new TestDirectory();
  readonly #folder = this.#directory.at("repository");
  readonly cache = this.#directory.at("cache");

  async make(): Promise<UnlockedRepository> {
    const store = openLocalStore(this.#folder, { random: systemRandomBytes });
    const repository = await initRepository(store, PASSWORD, { ...fakeWorld("builders"), kdf: CHEAP_KDF });
    for (let start = 0; start < BLOBS.length; start += 300) {
      await repository.files.save("index", encodeIndex([packOf(start, BLOBS.slice(start, start + 300))]));
    }
    return repository;
  }

  /** Starts a process and waits until it begins to make the index on disk. */
  async start(times: number): Promise<Deno.ChildProcess> {
    const args = ["run", "-A", "--no-check", PROGRAM, this.#folder, this.cache, `${times}`];
    const child = new Deno.Command(Deno.execPath(), { args, stdout: "piped" }).spawn();
    const reader = child.stdout.getReader();
    assert.match(new TextDecoder().decode((await reader.read()).value), /ready/);
    await reader.cancel();
    return child;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#directory[Symbol.asyncDispose]();
  }
}

async function assertKnowsAll({ files, keys, sealer, config }: UnlockedRepository, directory: string): Promise<void> {
  const random = systemRandomBytes;
  const cache = { directory, repositoryId: config.id, limitBytes: 1e9, clock: systemClock, random };
  const { signal } = new AbortController();
  const place = { cache, worthBytes: 1, mostMissingBytes: 0 };
  const tools = { files, keys, sealer, random, signal, place, names: [] };
  await using loaded = await loadExistenceAhead(Promise.resolve(), tools);
  const unknown = BLOBS.filter((blob) => !loaded.index.has(isTree(blob) ? "tree" : "data", blobId(blob)));
  assert.deepEqual(unknown, []);
  assert.ok(!loaded.index.has("data", blobId(BLOBS.length + 1)));
}

Deno.test("whenever the process that makes it is killed, the index on disk is right", async () => {
  await using builders = new Builders();
  const repository = await builders.make();
  for (const loads of [1, 3, 9]) {
    const child = await builders.start(1000);
    // As long as it takes to read the same files a few times: each kill meets another moment.
    for (let i = 0; i < loads; i++) for await (const { name } of repository.files.list("index")) void name;
    child.kill("SIGKILL");
    await child.status;
    await assertKnowsAll(repository, builders.cache);
  }
});

Deno.test("processes that make, use and drop it at once do not disturb each other", async () => {
  await using builders = new Builders();
  const repository = await builders.make();
  const children = await Promise.all([builders.start(15), builders.start(15)]);
  for (let i = 0; i < 15; i++) await assertKnowsAll(repository, builders.cache);
  for (const child of children) assert.equal((await child.status).code, 0);
  await assertKnowsAll(repository, builders.cache);
});
