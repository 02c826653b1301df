/** Answers share the memory of their pieces: whatever happens to some of them, all others carry their own bytes. */
import assert from "node:assert/strict";
import { equalBytes } from "../../src/base/bytes.ts";
import { contentOf, served } from "./served.ts";

/** Several pieces, and a part of one. */
const LENGTH = 700_001;

Deno.test("many answers at once carry their own bytes, also after some were broken off", async () => {
  await using box = await served();
  await box.create("r");
  const files: { path: string; content: Uint8Array }[] = [];
  for (let seed = 1; seed <= 6; seed++) {
    const content = contentOf(seed, LENGTH);
    files.push({ path: (await box.put("r", content)).path, content });
  }
  const readAll = async () => {
    const reads = Array.from({ length: 24 }, async (_, i) => {
      const { path, content } = files[i % files.length]!;
      const start = 1000 * i;
      const end = i % 3 === 0 ? LENGTH : LENGTH - 300_000;
      const answer = await box.request("GET", path, { headers: { range: `bytes=${start}-${end - 1}` } });
      assert.equal(answer.status, 206);
      assert.ok(equalBytes(answer.body, content.subarray(start, end)), `${path} from ${start} to ${end}`);
    });
    await Promise.all(reads);
  };
  await readAll();
  const leave = async (path: string) => {
    using connection = await box.dial();
    connection.send(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`);
    await connection.answers(1);
  };
  await Promise.all([readAll(), ...files.map(({ path }) => leave(path))]);
  await readAll();
  assert.deepEqual(box.problems, []);
});
