/** The S3 store on OpenStack Swift, which knows no conditional puts. */
import { deepEqual, ok, rejects } from "node:assert/strict";
import { ExistsError } from "../../../src/base/errors.ts";
import { storeConformance } from "../../conformance/store_suite.ts";
import { bytesOf, fileOf, listing } from "../../conformance/stored_files.ts";
import { findProgram, programTest } from "../../helpers/programs.ts";
import { RealS3 } from "./real_server.ts";

const program = findProgram("s3-server");
if (program === undefined) {
  programTest({ name: "S3 store on Swift", needs: ["s3-server"], fn() {} });
} else {
  const swift = new RealS3(program, "swift");
  Deno.test.afterAll(() => swift.stop());
  storeConformance("S3 store on Swift", { create: () => swift.fixture() }, [
    {
      test: "of several writers of one name exactly one wins",
      reason: "without conditional puts nobody can see the others",
    },
    {
      test: "more than a thousand files are listed, each once and with its size",
      reason: "so many puts take this server a minute; the test below has pages of three",
    },
  ]);

  Deno.test("S3 store on Swift: a listing of many pages is complete", async () => {
    const store = await swift.open(await swift.place(), { pageKeys: 3 });
    await store.create();
    const contents = Array.from({ length: 10 }, (_, i) => bytesOf(10 + i, i + 1));
    for (const bytes of contents) await store.put(fileOf("snapshot", bytes), [bytes]);
    const expected = contents.map((bytes) => [fileOf("snapshot", bytes).name, bytes.length] as const);
    deepEqual(await listing(store, "snapshot"), new Map(expected));
    await store.close();
  });

  Deno.test("S3 store on Swift: a file in parts comes back whole, and is not overwritten", async () => {
    const store = await swift.open(await swift.place(), { partSizes: { singleBytes: 1000, partBytes: 5 * 2 ** 20 } });
    await store.create();
    const bytes = bytesOf(12_000_000);
    const file = fileOf("pack", bytes);
    await store.put(file, [bytes.subarray(0, 5_000_000), bytes.subarray(5_000_000)]);
    ok(Buffer.from(bytes).equals(await store.get(file)));
    await rejects(store.put(file, [bytes]), ExistsError);
    await store.close();
  });
}
