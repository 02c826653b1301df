/** A repository that restic made, in both versions of the format: the agent reads it, and puts on top of it. */
import { deepEqual, equal, match } from "node:assert/strict";
import { hash } from "node:crypto";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import { addKey, removeKey } from "../../src/repository/key_files.ts";
import { runAgentHere } from "../helpers/agent_here.ts";
import { emptySandbox, type Sandbox } from "../helpers/executable.ts";
import { everyResticTest, Restic } from "../helpers/restic.ts";
import { CHEAP_KDF, concat, IDENTITY, noise, PASSWORD, sqlDump, withRows } from "../helpers/world.ts";

runAgentHere();

const DUMP = sqlDump(10_000, "shop");
const NEXT_DUMP = withRows(DUMP, { at: 300_000, rows: 100, seed: "new" });

/** Everything a directory can hold that has to come back as bytes: name and content. */
const FILES: Readonly<Record<string, Uint8Array>> = {
  "empty": new Uint8Array(),
  "large": noise(3_000_000, "large"),
  "sparse": concat([new Uint8Array(2_000_000), noise(10, "middle"), new Uint8Array(2_000_000)]),
  "deep/er/and/deeper/still/file.txt": noise(1000, "deep"),
  "ünï/深い/🦀.txt": noise(2000, "unicode"),
  // Only in the second backup, which compresses: noise that cannot be, and much that can.
  "late": concat([noise(500_000, "late"), new Uint8Array(500_000)]),
  'quote"and\\back\nline': noise(10, "quotes"),
};

/** Only root can back up what nobody may read. */
const UNUSUAL_MODE = Deno.uid() === 0 ? "0" : "400";

/** Makes the files, and beside them what is no file of its own content: links, a pipe, an empty directory. */
async function makeSource(box: Sandbox): Promise<string> {
  for (const [name, bytes] of Object.entries(FILES)) {
    if (name !== "late") await box.file(`source/${name}`, bytes);
  }
  const script = `cd source && ln -s deep link && ln large hard && mkfifo pipe && mkdir nothing && ` +
    `fallocate --dig-holes sparse && chmod ${UNUSUAL_MODE} empty`;
  equal((await box.shell(script)).exitCode, 0);
  return box.join("source");
}

/** A repository by restic with a directory, the same compressed in another way, and a stream. */
async function makeRepository(box: Sandbox, restic: Restic, version: string): Promise<void> {
  await box.file("password", `${PASSWORD}\n`);
  await restic.ok(["init", "--repository-version", version]);
  await replaceKey(box);
  const source = await makeSource(box);
  await restic.ok(["backup", "--compression", "off", "--tag", "files", source]);
  await box.file("source/late", FILES["late"]!);
  await restic.ok(["backup", "--compression", version === "1" ? "auto" : "max", source]);
  await restic.ok(["backup", "--host", "db7", "--stdin", "--stdin-filename", "shop.sql"], { stdin: DUMP });
}

/** Puts a key that costs nothing to derive in the place of restic's, which would be derived by every program again. */
async function replaceKey(box: Sandbox): Promise<void> {
  const { store, keys, keyId } = await box.open();
  const tools = { clock: systemClock, identity: IDENTITY, randomBytes: systemRandomBytes, kdf: CHEAP_KDF };
  const added = await addKey(store, keys, PASSWORD, tools);
  await removeKey(store, keyId, added);
}

/** Restores a backup into a directory; gives the names of the files that are not there. Those that are have to be right. */
async function missing(box: Sandbox, selector: string, series: string): Promise<string[]> {
  const target = await Deno.makeTempDir({ dir: box.path });
  await box.ok(["get", selector, "--target", target]);
  const names: string[] = [];
  for (const [name, bytes] of Object.entries({ ...FILES, hard: FILES["large"]! })) {
    try {
      equal(hash("md5", await Deno.readFile(join(target, series, name))), hash("md5", bytes), name);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      names.push(name);
    }
  }
  return names;
}

for (const version of ["1", "2"]) {
  everyResticTest(`a repository of format ${version} that restic made`, async (program, test) => {
    await using box = await emptySandbox();
    const restic = await Restic.in(box, program);
    await makeRepository(box, restic, version);
    const series = box.join("source").slice(1);

    await test.step("ls and show tell what there is", async () => {
      const [files, , stream] = await box.json(["ls"]);
      deepEqual([files!.series, files!.tags, files!.level], [series, ["files"], null]);
      deepEqual([stream!.series, stream!.host, stream!.level], ["shop.sql", "db7", null]);
      match(await box.ok(["show", series]), /deep\/er\/and\/deeper\/still\/file\.txt/);
    });

    await test.step("every file comes back: alone, by id, into a file, into a directory", async () => {
      const [files] = await box.json(["ls"]);
      deepEqual(await missing(box, `@${files!.id}`, series), ["late"]);
      deepEqual(await missing(box, series, series), []);
      await box.ok(["get", `@${String(files!.id).slice(0, 8)}`, "--file", "🦀.txt", "-o", box.join("crab")]);
      deepEqual(await Deno.readFile(box.join("crab")), FILES["ünï/深い/🦀.txt"]);
    });

    await test.step("verify and check find it sound", async () => {
      const [verified] = await box.json(["verify", "shop.sql"]);
      deepEqual([verified!.md5, verified!.compared], [hash("md5", DUMP), false]);
      equal((verified!.guard as { complete: boolean }).complete, true);
      await box.ok(["check", "--read-data"]);
    });

    await test.step("what is put on top restic reads", async () => {
      const [first] = await box.json(["put", "prod/shop", "--compression", "max"], { stdin: DUMP });
      const [second] = await box.json(["put", "prod/shop"], { stdin: NEXT_DUMP });
      deepEqual([first!.level, second!.level], [0, 1]);
      equal(Number(second!.bytesAdded) < Number(first!.bytesAdded) / 10, true);
      equal(Number(first!.bytesStored) > Number(first!.bytesAdded), version === "1", "format 1 knows no compression");
      await restic.check();
      equal(await restic.md5("latest", "/prod/shop/data", "--path", "/prod/shop"), hash("md5", NEXT_DUMP));
      equal((await box.json(["verify", "prod/shop"]))[0]!.compared, true);
      await restic.ok(["prune", "--max-unused", "0"]);
      await box.ok(["check", "--read-data"]);
    });
  });
}
