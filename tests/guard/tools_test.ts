/** What the real tools write. */
import { strict as assert } from "node:assert";
import { programTest } from "../helpers/programs.ts";
import { assertNoPrefixIsWhole, bytesOf, judge, noise } from "./judging.ts";
import { MYSQLDUMP, TAR } from "./samples.ts";

/** The output of a shell command, run in a new folder with the files `small`, `large`, `sparse` and `dump.sql` in it. */
async function run(command: string): Promise<Uint8Array> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/small`, noise(100));
    await Deno.writeFile(`${folder}/large`, noise(200_000));
    await Deno.writeFile(`${folder}/dump.sql`, bytesOf(MYSQLDUMP));
    await Deno.writeFile(`${folder}/a.tar`, TAR);
    await Deno.writeFile(`${folder}/sparse`, noise(100));
    await Deno.truncate(`${folder}/sparse`, 5_000_000);
    const output = await new Deno.Command("sh", { args: ["-c", command], cwd: folder }).output();
    assert.ok(output.success, new TextDecoder().decode(output.stderr));
    return output.stdout;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const LONG = `${"n".repeat(90)}/${"m".repeat(90)}`;
const SQL = `"create table t(a, b); insert into t values (1, 'COMMIT;'), (2, 'two' || char(10) || 'lines');"`;

const CASES: readonly { tool: string; command: string; format: string; spare?: number }[] = [
  ...["gnu", "oldgnu", "pax", "posix", "ustar", "v7"].map((format) => (
    { tool: "tar", command: `tar --format=${format} -b 1 -cf - small large dump.sql`, format: "tar" }
  )),
  ...["gnu", "pax"].flatMap((format) => [
    { tool: "tar", command: `tar --format=${format} --sparse -b 1 -cf - sparse small`, format: "tar" },
    {
      tool: "tar",
      command: `mkdir -p ${LONG} && tar --format=${format} -b 1 -cf - --xattrs ${LONG} small`,
      format: "tar",
    },
  ]),
  { tool: "gzip", command: "gzip -c dump.sql", format: "gzip+mysqldump" },
  { tool: "gzip", command: "gzip -1 < large", format: "gzip" },
  { tool: "gzip", command: "tar cf - large small | gzip", format: "gzip+tar" },
  { tool: "pigz", command: "pigz -c dump.sql", format: "gzip+mysqldump" },
  { tool: "pigz", command: "pigz -b 128 -p 2 < large", format: "gzip" },
  { tool: "zstd", command: "zstd -qc dump.sql", format: "zstd+mysqldump" },
  { tool: "zstd", command: "zstd -q --no-check < dump.sql", format: "zstd+mysqldump" },
  { tool: "zstd", command: "cat a.tar | zstd -q -19 --long=27", format: "zstd+tar" },
  { tool: "zstd", command: "zstd -q -T2 -B32K < large", format: "zstd" },
  ...["-0", "-9e", "--check=none", "--check=sha256", "--x86 --lzma2", "--delta=dist=4 --lzma2"].map((options) => (
    { tool: "xz", command: `cat dump.sql large sparse | xz -c ${options}`, format: "xz" }
  )),
  { tool: "xz", command: "xz -T2 --block-size=50KiB < large", format: "xz" },
  { tool: "xz", command: "xz -c dump.sql | gzip", format: "gzip+xz" },
  { tool: "bzip2", command: "bzip2 < large", format: "bzip2" },
  ...Array.from({ length: 8 }, (_, i) => (
    // The mark at the end of each lies at another bit.
    { tool: "bzip2", command: `tail -c +${i + 1} dump.sql | bzip2 -1`, format: "bzip2" }
  )),
  ...["", "-BD", "-BX", "-B4 -9", "--content-size --no-frame-crc"].map((options) => (
    { tool: "lz4", command: `cat dump.sql large sparse > all && lz4 -qc ${options} all`, format: "lz4" }
  )),
  { tool: "sqlite3", command: `sqlite3 x.db ${SQL} && sqlite3 x.db .dump`, format: "sqlite" },
  ...[512, 4096, 65_536].map((size) => (
    { tool: "sqlite3", command: `sqlite3 x.db "pragma page_size=${size};" ${SQL} && cat x.db`, format: "sqlite-file" }
  )),
  { tool: "sqlite3", command: `sqlite3 x.db "pragma journal_mode=wal;" ${SQL} >&2 && cat x.db`, format: "sqlite-file" },
];

/** How often each output is cut, at random, once in each part of it. */
const CUTS = 200;

for (const { tool, command, format } of CASES) {
  programTest({
    name: `tools: ${command.replaceAll(LONG, "LONG")}`,
    needs: [tool],
    async fn() {
      const bytes = await run(command);
      const verdict = await judge(bytes);
      assert.deepEqual([verdict.format, verdict.complete], [format, true], verdict.reason);
      const cuts = Array.from(noise(CUTS), (byte, i) => Math.floor(bytes.length * (i + byte / 256) / CUTS));
      const wholeFrom = format === "tar" ? endOfTar(bytes) : bytes.length;
      await assertNoPrefixIsWhole(bytes, wholeFrom, "auto", [...cuts, bytes.length - 1, bytes.length]);
    },
  });
}

programTest({
  name: "tools: many streams one after the other, of any tool",
  needs: ["xz", "bzip2", "lz4"],
  async fn() {
    for (const tool of ["xz", "bzip2", "lz4"]) {
      const bytes = await run(
        `${tool} < large > twice && ${tool} < /dev/null >> twice && ${tool} < small >> twice && cat twice`,
      );
      const verdict = await judge(bytes);
      assert.deepEqual([verdict.format, verdict.complete], [tool, true], verdict.reason);
      const nothing = await judge(await run(`${tool} < /dev/null`));
      assert.deepEqual([nothing.format, nothing.complete], [tool, false]);
      assert.match(nothing.reason, /there is nothing inside/);
    }
  },
});

programTest({
  name: "tools: pbzip2, stream after stream; a cut between two of them is the one that nobody can tell",
  needs: ["pbzip2"],
  async fn() {
    const bytes = await run("pbzip2 -b1 -1 -p2 -c large");
    assert.equal((await judge(bytes)).complete, true);
    await assertNoPrefixIsWhole(bytes, bytes.length, "auto", [1, 50_000, 90_001, 150_000, bytes.length - 1]);
  },
});

/** Where the two zero blocks at the end of an archive end: padding after them may be cut away. */
function endOfTar(bytes: Uint8Array): number {
  let end = bytes.length;
  while (bytes[end - 1] === 0) end--;
  return Math.min(bytes.length, Math.ceil(end / 512) * 512 + 1024);
}
