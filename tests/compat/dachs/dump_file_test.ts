/** Tests of dump files of DaCHS: those that Python's tarfile makes are read, and those that are made are read by it. */
import { deepEqual, equal, rejects } from "node:assert/strict";
import type { StreamSink } from "../../../src/base/byte_source.ts";
import { concatBytes } from "../../../src/base/bytes.ts";
import { IntegrityError } from "../../../src/base/errors.ts";
import { dumpedTables, scanDump } from "../../../src/compat/dachs/read_dump.ts";
import { DumpWriter } from "../../../src/compat/dachs/write_dump.ts";
import { dachs, dachsListing, dumpOf } from "../../helpers/dachs.ts";
import { programTest } from "../../helpers/programs.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";

const NOW_MS = Date.UTC(2026, 10, 29, 12);
/** A binary COPY of one row with the integer 7. */
const BINARY = concatBytes([
  new TextEncoder().encode("PGCOPY\n"),
  Uint8Array.of(0xff, 0x0d, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 7, 0xff, 0xff),
]);
const TEXT = new TextEncoder().encode("1\tä\n2\t\\N\n");

/** The bytes of a dump file of these members. */
async function written(
  tables: readonly { number: number; id: string; format: "binary" | "text"; content: Uint8Array }[],
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const writer = new DumpWriter({ write: (bytes) => Promise.resolve(void pieces.push(bytes.slice())) });
  for (const { content, ...table } of tables) {
    await writer.add({ ...table, size: content.length, modifiedMs: NOW_MS }, contentOf(content));
  }
  await writer.finish(NOW_MS);
  return concatBytes(pieces);
}

function contentOf(bytes: Uint8Array) {
  return async (sink: StreamSink) => {
    for (let at = 0; at < bytes.length; at += 7) await sink.write(bytes.subarray(at, at + 7));
  };
}

const WHOLE = [
  { number: 0, id: "myres/q#main", format: "binary", content: BINARY },
  { number: 2, id: "public.orders", format: "text", content: TEXT },
] as const;

programTest({
  name: "Python reads what is written: the members, and the index last",
  needs: ["python3"],
  async fn({ python3 }) {
    await using directory = new TestDirectory();
    const path = directory.at("dump.tar.gz");
    await Deno.writeFile(path, await written(WHOLE));
    const { members, index } = await dachsListing(python3, path);
    deepEqual(members.map(({ name, size }) => [name, size]), [
      ["table_000.dump", BINARY.length],
      ["table_002.textdump", TEXT.length],
      ["index.txt", index.length],
    ]);
    equal(index, "table_000.dump myres/q#main\ntable_002.textdump public.orders");
    equal(members[0]!.mtime * 1000, NOW_MS);
  },
});

programTest({
  name: "a dump file that Python made is read whole",
  needs: ["python3"],
  async fn({ python3 }) {
    await using directory = new TestDirectory();
    const [path, binary, text] = ["dump.tar.gz", "binary", "text"].map((name) => directory.at(name)) as [
      string,
      string,
      string,
    ];
    await Deno.writeFile(binary, BINARY);
    await Deno.writeFile(text, TEXT);
    await dachs(python3, "pack", path, `a/q#t:dump:${binary}`, `b.t:textdump:${text}`);
    const file = dumpOf(await Deno.readFile(path));
    const tables = await scanDump(file);
    deepEqual(
      tables.map(({ id, format, size, problem }) => ({ id, format, size, problem })),
      [
        { id: "a/q#t", format: "binary", size: BINARY.length, problem: null },
        { id: "b.t", format: "text", size: TEXT.length, problem: null },
      ],
    );
    equal(tables.every(({ modifiedMs }) => Math.abs(modifiedMs - Date.now()) < 600_000), true);
    const contents: Uint8Array[] = [];
    for await (const { content } of dumpedTables(file, tables)) {
      const buffer = new Uint8Array(1000);
      contents.push(buffer.slice(0, await content.read(buffer) ?? 0));
    }
    deepEqual(contents, [BINARY, TEXT]);
  },
});

Deno.test("a member that is no whole copy is told, and the others are not touched by it", async () => {
  const [first, ...others] = WHOLE;
  const cut = { ...first, content: BINARY.subarray(0, -2) };
  const tables = await scanDump(dumpOf(await written([cut, ...others])));
  deepEqual(tables.map(({ problem }) => problem === null), [false, true]);
});

Deno.test("a dump file that is cut anywhere is refused", async () => {
  const whole = await written(WHOLE);
  for (const length of [0, 1, 9, 10, 100, whole.length - 9, whole.length - 1]) {
    await rejects(scanDump(dumpOf(whole.subarray(0, length))), IntegrityError, `${length} of ${whole.length} bytes`);
  }
});

Deno.test("what is no gzip is refused", async () => {
  await rejects(scanDump(dumpOf(TEXT)), /no gzip/);
});

const INDEX = "table_000.dump a.t";

for (
  const [what, members, says] of [
    ["a member missing", ["index.txt"], /names table_000.dump, which is not in it/],
    ["a member twice", ["table_000.dump", "table_000.dump", "index.txt"], /table_000.dump is in it twice/],
    ["an index twice", ["table_000.dump", "index.txt", "index.txt"], /index.txt is in it twice/],
    ["no index", ["table_000.dump"], /has no index.txt/],
    ["a member that nobody names", ["table_000.dump", "table_001.dump", "index.txt"], /does not name table_001.dump/],
    ["a path", ["table_000.dump", "../../evil", "index.txt"], /a member "..\/..\/evil"/],
    ["an absolute path", ["/etc/table_000.dump", "index.txt"], /a member "\/etc\/table_000.dump"/],
    ["an odd number of digits", ["table_00.dump", "index.txt"], /a member "table_00.dump"/],
  ] as const
) {
  programTest({
    name: `a dump file is refused that has ${what}`,
    needs: ["python3"],
    async fn({ python3 }) {
      await using directory = new TestDirectory();
      const [path, binary, index] = ["dump.tar.gz", "binary", "index"].map((name) => directory.at(name)) as [
        string,
        string,
        string,
      ];
      await Deno.writeFile(binary, BINARY);
      await Deno.writeTextFile(index, INDEX);
      await dachs(python3, "raw", path, ...members.map((name) => `${name}:${name === "index.txt" ? index : binary}`));
      await rejects(
        scanDump(dumpOf(await Deno.readFile(path))),
        (error) => error instanceof IntegrityError && says.test(error.message),
      );
    },
  });
}

Deno.test("a gigantic index is refused before it is in memory", async () => {
  const huge = new Uint8Array(17 * 1024 * 1024);
  const pieces: Uint8Array[] = [];
  const { tarEnd, tarHeader } = await import("../../../src/format/archive/tar_header.ts");
  const { makeNode } = await import("../../../src/format/tree/node.ts");
  const node = makeNode({ name: "index.txt", type: "file", size: huge.length });
  const tar = concatBytes([tarHeader({ path: "index.txt", node, linkTo: null }), huge, tarEnd(0)]);
  for await (const piece of new Blob([tar]).stream().pipeThrough(new CompressionStream("gzip"))) pieces.push(piece);
  await rejects(scanDump(dumpOf(concatBytes(pieces))), /its index has 17825792 bytes/);
});

Deno.test("a link in a dump file is refused", async () => {
  const { tarEnd, tarHeader } = await import("../../../src/format/archive/tar_header.ts");
  const { makeNode } = await import("../../../src/format/tree/node.ts");
  const node = makeNode({ name: "table_000.dump", type: "symlink", linkTarget: "/etc/passwd" });
  const tar = concatBytes([tarHeader({ path: "table_000.dump", node, linkTo: null }), tarEnd(512)]);
  const pieces: Uint8Array[] = [];
  for await (const piece of new Blob([tar]).stream().pipeThrough(new CompressionStream("gzip"))) pieces.push(piece);
  await rejects(scanDump(dumpOf(concatBytes(pieces))), /no regular file/);
});

Deno.test("a sink that fails ends the writing with its error", async () => {
  const writer = new DumpWriter({ write: () => Promise.reject(new Error("the disk is full")) });
  const content = crypto.getRandomValues(new Uint8Array(60_000));
  const table = { number: 0, id: "a", format: "text", size: content.length, modifiedMs: NOW_MS } as const;
  await rejects(
    async () => {
      await writer.add(table, contentOf(content));
      await writer.finish(NOW_MS);
    },
    /the disk is full/,
  );
  await writer.discard();
});
