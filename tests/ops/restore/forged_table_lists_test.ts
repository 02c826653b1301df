/** Lists of tables that somebody forged or that are damaged: nothing that comes out by them looks right and is not. */
import assert from "node:assert/strict";
import { type AgentError, IntegrityError } from "../../../src/base/errors.ts";
import { md5Hex, sha256Hex } from "../../../src/crypto/digest.ts";
import { makeNode } from "../../../src/format/tree/node.ts";
import { withBackup } from "../../../src/ops/restore/get.ts";
import { loadSnapshots } from "../../../src/repository/snapshots.ts";
import { readBlob } from "../../../src/repository/pack/pack_reader.ts";
import { readTree } from "../../../src/repository/tree/trees.ts";
import { fakeWorld, memoryRepository } from "../../helpers/world.ts";
import { checkStore, indexed } from "../check_fixture.ts";
import { rewriteManifest, write } from "../check_forging.ts";
import { getTables, mysqlDump, putDumps } from "./tables_fixture.ts";

const encoder = new TextEncoder();

/** Three tables. */
const SHOP: Dumps = [{ path: "shop.sql", bytes: encoder.encode(mysqlDump({ a: ["1"], orders: ["2"], z: ["3"] })) }];

type Dumps = Parameters<typeof putDumps>[2];

/** A backup `blog` whose list somebody has exchanged who has the key of the repository. */
async function withForgedList(change: (list: string) => string | null, saysSo: boolean, dumps = SHOP) {
  const problems: string[] = [];
  const world = { ...fakeWorld(), onProblem: ({ message }: AgentError) => void problems.push(message) };
  const { store, access, repository } = await memoryRepository(world);
  await putDumps(access, world, dumps, { series: "blog" });
  const checked = { store, repository, world };
  const { snapshots: [found] } = await loadSnapshots(repository.files);
  const nodes = await readTree(await indexed(checked), found!.snapshot.tree);
  const [directory, , stored] = nodes;
  const list = change(new TextDecoder().decode(await readBlob(await indexed(checked), "data", stored!.content!)));
  const others = [];
  const text = encoder.encode(list ?? "");
  if (list !== null) {
    const content = await write(checked, (writer) => writer.addPlaintext("data", text));
    others.push(makeNode({ ...stored!, content, size: text.length }));
  }
  const tables = { size: text.length, md5: md5Hex(text), sha256: sha256Hex(text) };
  await rewriteManifest(checked, (manifest) => saysSo ? { ...manifest, tables } : manifest, {
    name: "new id",
    nodes: [directory!, ...others],
  });
  return { access, world, problems, checked };
}

Deno.test("tables: a list that leads elsewhere never makes wrong bytes look right", async () => {
  const forged: [string, (list: string) => string, RegExp][] = [
    [
      "rows of another table",
      (list) => exchange(list, "data", "orders", "z"),
      /it has .* of .*orders.* where the dump has .*z/,
    ],
    ["a boundary moved", (list) => move(list, "data\t", 5), /is not a whole dump|where the dump has/],
    ["another table's name", (list) => list.replaceAll("orders", "z0"), /where the dump has .*orders/],
    ["no tail", (list) => list.replace("tail\t", "other\t"), /is not a whole dump/],
  ];
  for (const [what, change, message] of forged) {
    const table = what === "another table's name" ? "z0" : "orders";
    await assertRefused(what, change, { dumps: SHOP, table, message });
  }
});

/** Exchanges the names of two tables in lines of one kind. */
function exchange(list: string, kind: string, a: string, b: string): string {
  return list.split("\n").map((line) =>
    !line.startsWith(`${kind}\t`)
      ? line
      : line.endsWith(`\t${a}`)
      ? line.replace(`\t${a}`, `\t${b}`)
      : line.replace(`\t${b}`, `\t${a}`)
  ).join("\n");
}

/** Makes the first piece of a kind longer, and the one behind it shorter. */
function move(list: string, kind: string, by: number): string {
  const lines = list.split("\n");
  const first = lines.findIndex((line) => line.startsWith(kind) && line.endsWith("orders"));
  for (const [i, sign] of [[first, 1], [first + 1, -1]] as const) {
    lines[i] = lines[i]!.replace(/\t(\d+)/, (_, bytes) => `\t${Number(bytes) + sign * by}`);
  }
  return lines.join("\n");
}

/** What comes out of `blog` by a forged list is refused with a message. */
async function assertRefused(
  what: string,
  change: (list: string) => string,
  { dumps, table, message }: { dumps: Dumps; table: string; message: RegExp },
): Promise<void> {
  const { access, world } = await withForgedList(change, true, dumps);
  await assert.rejects(getTables(access, world, { tables: [table], selector: "blog" }), (error) => {
    assert.ok(error instanceof IntegrityError, `${what}: ${error}`);
    assert.match(error.message, message, what);
    return true;
  });
}

Deno.test("tables: a list that takes one database for another does not get its tables out", async () => {
  const mysql = (name: string) =>
    `--\n-- Current Database: \`${name}\`\n--\n\nUSE \`${name}\`;\n\n--\n-- Table structure for table \`orders\`\n--\n\n` +
    `CREATE TABLE \`orders\` (\n  \`${name}\` int\n);\n\n`;
  const postgres = (name: string) =>
    `\\connect ${name}\n\n--\n-- PostgreSQL database dump\n--\n\nSET x = 0;\n\n--\n-- Name: orders; Type: TABLE; Schema: public; ` +
    `Owner: p\n--\n\nCREATE TABLE public.orders (\n    ${name} int\n);\n\n\n--\n-- PostgreSQL database dump complete\n--\n\n`;
  const [head = "", tail = ""] = mysqlDump({}).split("/*!40103 SET TIME_ZONE=@OLD");
  const texts = [
    `${head}${mysql("aaa")}${mysql("bbb")}/*!40103 SET TIME_ZONE=@OLD${tail}`,
    `--\n-- PostgreSQL database cluster dump\n--\n\n${postgres("aaa")}${
      postgres("bbb")
    }--\n-- PostgreSQL database cluster dump complete\n--\n\n`,
    `${postgres("aaa")}${postgres("bbb")}`,
  ];
  const swap = (list: string) => list.replace(/\b(aaa|bbb)\b/g, (name) => name === "aaa" ? "bbb" : "aaa");
  for (const text of texts) {
    const dumps = [{ path: "all.sql", bytes: encoder.encode(text) }];
    const { access, world } = await withForgedList((list) => list, true, dumps);
    const { text: out } = await getTables(access, world, { tables: ["aaa.*orders"], selector: "blog" });
    assert.match(out, /aaa.? int/);
    assert.doesNotMatch(out, /bbb/);
    await assertRefused(text, swap, { dumps, table: "aaa.*orders", message: /where the dump has .*bbb/ });
  }
});

Deno.test("tables: the list of another stream of the same length gets nothing out", async () => {
  const dumps = ["a", "b"].map((name) => ({
    path: `${name}.sql`,
    bytes: encoder.encode(mysqlDump({ [name === "a" ? "orders" : "others"]: [name], z: ["3"] })),
  }));
  const exchanged = (list: string) => list.replace(/(a|b)(?=\.sql\n)/g, (name) => name === "a" ? "b" : "a");
  const message = /it has .*orders.* where the dump has .*others/;
  await assertRefused("exchanged", exchanged, { dumps, table: "orders", message });
});

Deno.test("tables: a forged list of an archive gets nothing out that pg_restore takes for the table", async () => {
  const sample = new URL("../../guard/testdata/pg15-custom-gzip.base64", import.meta.url);
  const bytes = Uint8Array.fromBase64((await Deno.readTextFile(sample)).replaceAll(/\s/g, ""));
  const dumps = [{ path: "shop.dump", bytes }];
  const names = (list: string, kind: RegExp) =>
    list.replace(kind, (line) => line.replace(/customer$|item$/, (name) => name === "item" ? "customer" : "item"));
  const { access, world } = await withForgedList((list) => list, true, dumps);
  assert.ok((await getTables(access, world, { tables: ["customer"], selector: "blog" })).bytes.length > 1000);
  const cases: [string, (list: string) => string, RegExp][] = [
    ["rows of another table", (list) => names(list, /^data\t.*$/gm), /where the dump has|data blocks/],
    ["another table's name", (list) => names(list, /^.*$/gm), /where the dump has/],
    ["its definition alone", (list) => names(list, /^structure\t.*$/gm), /where the dump has/],
    ["a block's boundary moved", (list) => moveEnd(list, -4, 4), /data blocks|where the dump has|not a whole dump/],
    ["an entry's boundary moved", (list) => moveEnd(list, 6, 4), /malformed entry/],
    [
      "an entry less",
      (list) => list.replace(/^view\t(\d+)\t.*\nview\t(\d+)/m, joinLengths),
      /malformed entry|a piece for/,
    ],
  ];
  for (const [what, change, message] of cases) {
    await assertRefused(what, change, { dumps, table: "customer", message });
  }
});

/** Moves the end of the piece with that number, counted from the end if it is negative. */
function moveEnd(list: string, number: number, by: number): string {
  const lines = list.trimEnd().split("\n");
  const first = number < 0 ? lines.length + number : number + 2;
  for (const [i, sign] of [[first, 1], [first + 1, -1]] as const) {
    lines[i] = lines[i]!.replace(/\t(\d+)/, (_, bytes) => `\t${Number(bytes) + sign * by}`);
  }
  return `${lines.join("\n")}\n`;
}

function joinLengths(_: string, a: string, b: string): string {
  return `view\t${Number(a) + Number(b)}`;
}

Deno.test("tables: without a list that fits, the stream is read, and somebody is told", async () => {
  const cases: [string, (list: string) => string | null, boolean, RegExp][] = [
    [
      "not the manifest's",
      (list) => list.replace("orders", "orderz"),
      false,
      /not the list that the manifest describes/,
    ],
    ["too short", (list) => list.replace(/other\t1\n|tail\t.*\n/, ""), true, /its pieces have \d+ bytes/],
    ["gone", () => null, false, /does not hold "blog.tables"/],
    ["of no stream", (list) => list.replace("shop.sql", "x.sql"), true, /has no stream "x.sql"/],
    ["no list", () => "hello\n", true, /not a list of tables/],
    ["of a newer version", (list) => list.replace("/1", "/2"), true, /newer version/],
  ];
  for (const [what, change, saysSo, message] of cases) {
    const { access, world, problems } = await withForgedList(change, saysSo);
    const { text } = await getTables(access, world, { tables: ["orders"], selector: "blog" });
    assert.match(text, /CREATE TABLE `orders`/, what);
    await assert.rejects(
      withBackup(access, { selector: "blog", noLock: true }, { world }, (open) => open.verifyTables()),
      (error) => error instanceof IntegrityError && message.test(error.message),
    );
    assert.equal(problems.length, 1, what);
    assert.match(problems[0]!, message, what);
    assert.match(problems[0]!, /read instead/);
  }
});

Deno.test("tables: check misses a list that is gone, and one with other bytes", async () => {
  const whole = await withForgedList((list) => list, true);
  assert.deepEqual((await checkStore(whole.checked, { readData: true })).errors, []);
  const gone = await checkStore((await withForgedList(() => null, false)).checked);
  assert.deepEqual(gone.errors.map(({ kind }) => kind), ["manifest"]);
  assert.match(gone.errors[0]!.text, /does not hold "blog.tables"/);
  const same = await withForgedList((list) => list.replace("orders", "orderz"), false);
  assert.deepEqual((await checkStore(same.checked)).errors, []);
  const read = await checkStore(same.checked, { readData: true });
  assert.match(read.errors.map(({ text }) => text).join(), /"blog.tables" .* MD5/);
});
