/** The engine of files and directories: what comes, in which order, and what is left when it is disturbed. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { InterruptedError } from "../../../src/base/errors.ts";
import type { EarlierDirectory, EarlierTree } from "../../../src/engine/engine.ts";
import { startFilesThread } from "../../../src/engine/files/files_threads.ts";
import { filesSource } from "../../../src/engine/files/files_source.ts";
import { CACHE_DIRECTORY_TAG } from "../../../src/engine/files/selection/directory_marker.ts";
import { compareByteStrings, comparePaths } from "../../../src/format/byte_string.ts";
import { GoFileMode } from "../../../src/format/tree/file_mode.ts";
import { makeNode, type Node } from "../../../src/format/tree/node.ts";
import { encodeTree } from "../../../src/format/tree/tree.ts";
import { TreeCursor } from "../../../src/format/tree/tree_cursor.ts";
import { openFileSystem } from "../../../src/filesystem/open_file_system.ts";
import { PortableFileSystem } from "../../../src/filesystem/portable/portable_file_system.ts";
import { macrotask, noise } from "../../helpers/world.ts";
import { descriptorsBelow } from "../../helpers/descriptors.ts";
import { sourceRequest } from "../../helpers/source_request.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";
import { readAll } from "../../conformance/engine_frame.ts";
import { Buffers, filesRequest, type Gave, openTrial, outline, readTrial, threadHere } from "./files_trial.ts";

function someFiles(directory: TestDirectory): void {
  directory.write("a/one", "1");
  directory.write("a/b/two", "22");
  directory.write("a/b.txt", "between by its bytes, behind b");
  directory.write("a/empty", "");
  directory.write("large", noise(200_000, "large"));
  directory.write("z/last", noise(16_000, "last"));
  Deno.mkdirSync(directory.at("none"));
  Deno.symlinkSync("../nowhere", directory.at("a/link"));
}

Deno.test("everything below a PATH comes in walk order, with the directories above it", async () => {
  await using directory = new TestDirectory();
  someFiles(directory);
  const gave = await readTrial([directory.path]);
  assert.deepEqual(gave.problems, []);
  const names = directory.path.slice(1).split("/");
  const below = ["a/b/two", "a/b", "a/b.txt", "a/empty", "a/link", "a/one", "a", "large", "none", "z/last", "z"];
  const above = names.map((_, i) => names.slice(0, names.length - i).join("/"));
  assert.deepEqual(gave.entries.map(({ path }) => path), [...below.map((path) => `${above[0]}/${path}`), ...above]);
  const files = outline(gave, directory.path);
  assert.equal(files["a/b/two"], "22");
  assert.equal(files["a/empty"], "");
  const large = gave.entries.find(({ path }) => path.endsWith("/large"))!;
  assert.deepEqual(large.content, noise(200_000, "large"));
});

Deno.test("thousands of files in many folders come in order, each with its own bytes", async () => {
  await using directory = new TestDirectory();
  for (let i = 0; i < 3000; i++) directory.write(`d${i % 37}/e${i % 5}/f${i}`, `content of ${i}`.repeat(i % 7));
  const gave = await readTrial([directory.path]);
  const files = gave.entries.filter(({ content }) => content !== null);
  assert.equal(files.length, 3000);
  for (const { path, content } of files) {
    const i = Number(/f(\d+)$/.exec(path)![1]);
    assert.equal(new TextDecoder().decode(content as Uint8Array), `content of ${i}`.repeat(i % 7));
  }
  assert.deepEqual(files.map(({ path }) => path), files.map(({ path }) => path).toSorted(comparePaths));
});

Deno.test("threads of the program give the same", async () => {
  await using directory = new TestDirectory();
  someFiles(directory);
  const here = await readTrial([directory.path]);
  const open = await filesSource(filesRequest([directory.path]), { startThread: startFilesThread }).driver.open(
    sourceRequest({ smallFileBytes: 16 * 1024 }),
  );
  const paths: string[] = [];
  for await (const item of open.items()) {
    if (item.kind === "entries") { for (const entry of item.entries) if ("path" in entry) paths.push(entry.path); }
    else paths.push(item.path);
    if (item.kind === "entry") {
      const target = new Uint8Array(1024 * 1024);
      assert.equal(await item.source!.read(target), 200_000);
      assert.deepEqual(target.slice(0, 200_000), noise(200_000, "large"));
      assert.equal(await item.source!.read(target), null);
      await item.source!.ended();
    }
  }
  assert.deepEqual((await open.finish()).problems, []);
  await open.cancel();
  assert.deepEqual(paths, here.entries.map(({ path }) => path));
});

Deno.test("a small tree is walked and read in one thread, large files too; large files of a larger one in another", async () => {
  for (const [smallFiles, threads] of [[1, 1], [900, 2]] as const) {
    await using directory = new TestDirectory();
    for (let i = 0; i < smallFiles; i++) directory.write(`b${i}`, `${i}`);
    for (const name of ["a1", "a2", "c"]) directory.write(name, noise(100_000, name));
    const ended: number[] = [];
    const startThread = () => {
      const number = ended.push(0) - 1;
      return { ...threadHere(openFileSystem), terminate: () => void ended[number]!++ };
    };
    const { driver } = filesSource(filesRequest([directory.path]), { startThread });
    const open = await driver.open(sourceRequest({ smallFileBytes: 16 * 1024 }));
    const large: string[] = [];
    for await (const item of open.items()) {
      if (item.kind !== "entry") continue;
      const name = item.path.slice(item.path.lastIndexOf("/") + 1);
      large.push(name);
      assert.deepEqual(await readAll(item.source!), noise(100_000, name));
      await item.source!.ended();
    }
    await open.finish();
    await open.cancel();
    assert.deepEqual(large, ["a1", "a2", "c"]);
    assert.deepEqual(ended, new Array(threads).fill(1), `${smallFiles} small files`);
  }
});

Deno.test("a file, several PATHs, and a PATH behind a link that was named", async () => {
  await using directory = new TestDirectory();
  directory.write("real/deep/file", "f");
  directory.write("other", "o");
  await Deno.symlink("real", directory.at("via"));
  const gave = await readTrial([directory.at("other"), directory.at("via/deep")]);
  assert.deepEqual(gave.problems, []);
  assert.deepEqual(outline(gave, directory.path), {
    "other": "o",
    "via/deep/file": "f",
    "via/deep": "dir",
    "via": "dir",
  });
});

Deno.test("links are not followed, and sockets are left out", async () => {
  await using directory = new TestDirectory();
  directory.write("in/file", "f");
  await Deno.symlink("in", directory.at("to"));
  const listener = Deno.listen({ transport: "unix", path: directory.at("socket") });
  const gave = await readTrial([directory.path]);
  listener.close();
  assert.deepEqual(outline(gave, directory.path), { "in/file": "f", "in": "dir", "to": "symlink" });
  assert.equal(gave.entries.find(({ path }) => path.endsWith("/to"))!.properties.linkTarget, "in");
});

Deno.test("excludes, markers, sizes and directories that stay empty", async () => {
  await using directory = new TestDirectory();
  directory.write("keep/a.txt", "a");
  directory.write("keep/b.tmp", "b");
  directory.write("keep/deep/c.tmp", "c");
  directory.write("cache/CACHEDIR.TAG", `${CACHE_DIRECTORY_TAG.header}\n`);
  directory.write("cache/data", "d");
  directory.write("repo/config", "r");
  directory.write("huge", noise(300_000, "huge"));
  directory.write("skipped/unread", "u");
  const asked: string[] = [];
  const gave = await readTrial([directory.path], {
    rules: {
      excluded: ["*.tmp", "skipped/"],
      markers: [CACHE_DIRECTORY_TAG],
      largestFileBytes: 100_000,
      emptied: [{ path: directory.at("repo").slice(1), file: null, why: "the repository" }],
    },
    before: (method, path) => void (method === "list" && asked.push(path)),
  });
  assert.deepEqual(gave.problems, []);
  assert.deepEqual(outline(gave, directory.path), {
    "cache/CACHEDIR.TAG": `${CACHE_DIRECTORY_TAG.header}\n`,
    "cache": "dir",
    "keep/a.txt": "a",
    "keep/deep": "dir",
    "keep": "dir",
    "repo": "dir",
  });
  assert.ok(!asked.some((path) => /skipped|repo/.test(path)), `what is left out is not listed: ${asked}`);
});

/** An earlier backup that has what came. */
function earlierOf(
  { entries }: Pick<Gave, "entries">,
  change: (node: Node) => Node = (node) => node,
): EarlierTree {
  const directories = new Map<string, Node[]>();
  for (const { path, properties, content } of entries) {
    const slash = path.lastIndexOf("/");
    const above = path.slice(0, Math.max(0, slash));
    const size = content instanceof Uint8Array ? content.length : 0;
    const node = makeNode({
      ...properties,
      name: path.slice(slash + 1),
      size,
      content: content === null ? null : new Uint8Array(32),
    });
    directories.set(above, [...directories.get(above) ?? [], change(node)]);
  }
  const directoryAt = (path: string): EarlierDirectory | null => {
    const isThere = [...directories.keys()].some((other) => path === "" || `${other}/`.startsWith(`${path}/`));
    if (!isThere) return null;
    const cursor = new TreeCursor(encodeTree(directories.get(path) ?? []), path);
    return {
      find: (name, head) => cursor.find(name, head),
      below: (name) => Promise.resolve(directoryAt(path === "" ? name : `${path}/${name}`)),
    };
  };
  return { top: () => Promise.resolve(directoryAt("")) };
}

Deno.test("what did not change is kept and not opened", async () => {
  await using directory = new TestDirectory();
  someFiles(directory);
  const first = await readTrial([directory.path]);
  const opened: string[] = [];
  const before = (method: string, path: string) => void (method === "openFile" && opened.push(path));
  const second = await readTrial([directory.path], { source: { earlier: earlierOf(first) }, before });
  assert.deepEqual(opened, []);
  assert.equal(outline(second, directory.path)["large"], "kept");
  // Without the folders on the way, in which other programs write.
  const propertiesOf = ({ entries }: Gave) =>
    entries.filter(({ path }) => `/${path}`.startsWith(directory.path)).map(({ properties }) => properties);
  assert.deepEqual(propertiesOf(second), propertiesOf(first));
  directory.write("a/one", "changed");
  const third = await readTrial([directory.path], { source: { earlier: earlierOf(first) }, before });
  assert.deepEqual(opened, [directory.at("a/one")]);
  assert.equal(outline(third, directory.path)["a/one"], "changed");
  const changes = { readAll: true, compareCtime: true, compareInode: true };
  const all = await readTrial([directory.path], { source: { earlier: earlierOf(first) }, request: { changes } });
  assert.ok(all.entries.every(({ content }) => content !== "kept"), "--force reads everything");
});

Deno.test("a file with several names is read once", async () => {
  await using directory = new TestDirectory();
  directory.write("a/small", "content");
  directory.write("a/large", noise(100_000, "large"));
  await Deno.mkdir(directory.at("b"));
  for (const name of ["small", "large"]) {
    await Deno.link(directory.at(`a/${name}`), directory.at(`b/${name}`));
    await Deno.link(directory.at(`a/${name}`), directory.at(name));
  }
  const opened: string[] = [];
  const before = (method: string, path: string) => void (method === "openFile" && opened.push(path));
  const first = await readTrial([directory.path], { before });
  assert.deepEqual(opened.toSorted(), [directory.at("a/large"), directory.at("a/small")]);
  const root = directory.path.slice(1);
  const files = outline(first, directory.path);
  assert.equal(files["b/small"], `same as ${root}/a/small`);
  assert.equal(files["large"], `same as ${root}/a/large`);
  const small = first.entries.filter(({ path }) => path.endsWith("/small")).map(({ properties }) => properties);
  assert.ok(small.every(({ links, inode, deviceId }) => links === 3 && inode === small[0]!.inode && deviceId > 0n));
});

Deno.test("under a name that the earlier backup lacks, a file is read, since its list has no digests for it", async () => {
  await using directory = new TestDirectory();
  directory.write("a", "content");
  const names = ["a", "b", "c"];
  for (const name of names.slice(1)) await Deno.link(directory.at("a"), directory.at(name));
  const { entries } = await readTrial([directory.path]);
  for (const known of names) {
    const itsEntry = entries.filter(({ path }) => path.endsWith(`/${known}`));
    const earlier = earlierOf({ entries: itsEntry }, (node) => ({ ...node, size: "content".length }));
    const [first, second] = names.filter((name) => name !== known);
    const came = outline(await readTrial([directory.path], { source: { earlier } }), directory.path);
    const same = `same as ${directory.path.slice(1)}/${first}`;
    assert.deepEqual(came, { [known]: "kept", [first!]: "content", [second!]: same });
  }
});

Deno.test("without the C library, what is not kept is named once", async () => {
  await using directory = new TestDirectory();
  someFiles(directory);
  const gave = await readTrial([directory.path], { system: () => new PortableFileSystem() });
  assert.equal(gave.problems.length, 1);
  assert.match(gave.problems[0]!, /extended attributes/);
  assert.equal(outline(gave, directory.path)["a/one"], "1");
});

Deno.test("a tree of hundreds of levels needs few descriptors", async () => {
  await using directory = new TestDirectory();
  const deep = Array.from({ length: 600 }, (_, i) => `level-${i}`);
  execFileSync("python3", [
    "-c",
    `
import os, sys
for name in sys.argv[2].split("/"):
  os.mkdir(name); os.chdir(name)
  open("file", "w").write(name)
`,
    "",
    deep.join("/"),
  ], { cwd: directory.path });
  let most = 0;
  const count = (method: string) =>
    void (method === "list" && (most = Math.max(most, descriptorsBelow(directory.path))));
  const gave = await readTrial([directory.path], { before: count });
  assert.deepEqual(gave.problems, []);
  assert.equal(gave.entries.filter(({ content }) => content !== null).length, 600);
  assert.equal(outline(gave, directory.path)[[...deep, "file"].join("/")], "level-599");
  assert.ok(most < 100, `${most} descriptors`);
  assert.equal(descriptorsBelow(directory.path), 0);
  execFileSync("rm", ["-rf", directory.at("level-0")]);
});

Deno.test("an interruption at any point leaves nothing open and no buffer lent", async () => {
  await using directory = new TestDirectory();
  someFiles(directory);
  for (let i = 0; i < 50; i++) directory.write(`many/${i}`, noise(9000, `many ${i}`));
  for (let point = 0;; point++) {
    let left = point;
    const between = () => {
      if (left-- === 0) throw new InterruptedError();
    };
    const ended = await readTrial([directory.path], { between }).then(() => true, (error) => {
      assert.ok(error instanceof InterruptedError, String(error));
      return false;
    });
    assert.equal(descriptorsBelow(directory.path), 0, `after point ${point}`);
    if (ended) break;
  }
});

Deno.test("a source that was cancelled does not end well, and one opened too late is not opened", async () => {
  await using directory = new TestDirectory();
  someFiles(directory);
  const buffers = new Buffers();
  const open = await openTrial([directory.path], {}, buffers);
  const items = open.items()[Symbol.asyncIterator]();
  await items.next();
  await open.cancel();
  await assert.rejects(open.finish(), InterruptedError);
  const signal = AbortSignal.abort(new InterruptedError());
  await assert.rejects(openTrial([directory.path], { source: { signal } }, new Buffers()), InterruptedError);
});

Deno.test("nothing is read ahead without bound", async () => {
  await using directory = new TestDirectory();
  for (let i = 0; i < 200; i++) directory.write(`f${i}`, noise(15_000, `f${i}`));
  let read = 0;
  const buffers = new Buffers();
  const before = (method: string) => void (method === "file.read" && read++);
  const open = await openTrial([directory.path], { before }, buffers);
  const items = open.items()[Symbol.asyncIterator]();
  await items.next();
  for (let turn = 0; turn < 100; turn++) await macrotask();
  assert.ok(read <= 3 * 4, `${read} files were read`);
  assert.equal(buffers.lent, 2);
  await open.cancel();
});

Deno.test("modes, times before 1970 and odd names are those of the file system", async () => {
  await using directory = new TestDirectory();
  directory.write("suid", "s");
  await Deno.chmod(directory.at("suid"), 0o6755);
  await Deno.mkdir(directory.at("sticky"));
  await Deno.chmod(directory.at("sticky"), 0o1777);
  execFileSync("touch", ["-d", "1960-05-06 07:08:09.123456789 UTC", directory.at("old")]);
  execFileSync("mkfifo", [directory.at("fifo")]);
  directory.write("new\nline", "n");
  directory.write("x".repeat(255), "x");
  execFileSync("sh", ["-c", "printf y > \"$(printf 'bad\\377\\376')\""], { cwd: directory.path });
  const gave = await readTrial([directory.path]);
  assert.deepEqual(gave.problems, []);
  const properties = (name: string) =>
    gave.entries.find(({ path }) => path === `${directory.path.slice(1)}/${name}`)!.properties;
  assert.equal(properties("suid").mode, GoFileMode.setuid + GoFileMode.setgid + 0o755);
  assert.equal(properties("sticky").mode, GoFileMode.dir + GoFileMode.sticky + 0o777);
  assert.equal(properties("old").mtime, "1960-05-06T07:08:09.123456789Z");
  assert.equal(properties("old").atime, properties("old").mtime);
  assert.equal(properties("fifo").type, "fifo");
  assert.equal(properties("bad\udcff\udcfe").type, "file");
  assert.equal(properties("new\nline").links, 1);
  assert.equal(properties("x".repeat(255)).deviceId, 0n);
  const sorted = Object.keys(outline(gave, directory.path));
  assert.deepEqual(sorted, sorted.toSorted(compareByteStrings));
});
