/** The files behind the server: space and counts over failures and restarts, leftovers, memory. */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { systemRandomBytes } from "../../../src/crypto/random.ts";
import { openRepositoryFiles, type RepositoryFiles } from "../../../src/server/files/repository_files.ts";
import { Refusal } from "../../../src/server/refusal.ts";
import { filesBelow } from "../../store/local_fixture.ts";
import { contentOf, nameOf, type Served, servedFolder } from "../served.ts";

const NOW = new Date("2026-05-01T12:00:00Z");

async function openFiles({ folder }: Served, limitBytes = Infinity): Promise<RepositoryFiles> {
  const onProblem = (message: string) => assert.fail(message);
  return await openRepositoryFiles({ path: folder, limitBytes, random: systemRandomBytes, onProblem }, NOW);
}

async function* parts(content: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += 100) yield await Promise.resolve(content.subarray(at, at + 100));
}

function pack(content: Uint8Array) {
  return { kind: "pack", name: nameOf(content) } as const;
}

async function put(
  files: RepositoryFiles,
  content: Uint8Array,
  { sizeBytes = content.length as number | undefined } = {},
) {
  return await files.put("r", pack(content), { content: parts(content), sizeBytes });
}

async function statusOf(call: Promise<unknown>): Promise<number> {
  return await call.then(() => 200, (error) => error instanceof Refusal ? error.status : Promise.reject(error));
}

Deno.test("uploads at the same time never exceed the limit together, and failed ones give their space back", async () => {
  await using box = await servedFolder();
  const files = await openFiles(box, 2500);
  await files.create("r");
  const contents = [1, 2, 3, 4, 5].map((seed) => contentOf(seed));
  const statuses = await Promise.all(contents.map((content) => statusOf(put(files, content))));
  // Those that come side by side may all run into the limit before one of them is whole.
  const stored = statuses.filter((status) => status === 200).length;
  assert.ok(stored <= 2, String(statuses));
  assert.equal(files.takenBytes, 1000 * stored);
  const again = [];
  for (const content of contents) again.push(await statusOf(put(files, content)));
  assert.equal(again.filter((status) => status === 200).length, 2);
  assert.equal(files.takenBytes, 2000);
  const wrong = files.put("r", pack(contentOf(8)), { content: parts(contentOf(9, 400)), sizeBytes: 400 });
  assert.equal(await statusOf(wrong), 400);
  assert.equal(files.takenBytes, 2000);
});

Deno.test("an upload of unknown size is stopped where the limit is reached", async () => {
  await using box = await servedFolder();
  const files = await openFiles(box, 1500);
  await files.create("r");
  const upload = (seed: number) =>
    files.put("r", pack(contentOf(seed)), { content: parts(contentOf(seed)), sizeBytes: undefined });
  assert.equal(await statusOf(upload(1)), 200);
  assert.equal(await statusOf(upload(2)), 507);
  assert.equal(files.takenBytes, 1000);
  assert.equal((await box.files()).length, 1);
});

Deno.test("what was removed is free again, once, however often it is removed", async () => {
  await using box = await servedFolder();
  const files = await openFiles(box, 1500);
  await files.create("r");
  const content = contentOf(1);
  await put(files, content);
  const removed = await Promise.all(Array.from({ length: 5 }, () => files.remove("r", pack(content))));
  assert.equal(removed.filter((size) => size === 1000).length, 1);
  assert.equal(files.takenBytes, 0);
  assert.equal(await statusOf(put(files, content)), 200);
});

Deno.test("a restart counts what a server counted: every kind, repositories of both depths", async () => {
  await using box = await servedFolder();
  const before = await openFiles(box);
  for (const repository of ["", "r", "alice/shop"]) {
    await before.create(repository);
    await before.put(repository, { kind: "config", name: "config" }, {
      content: parts(contentOf(1, 155)),
      sizeBytes: 155,
    });
    for (const kind of ["pack", "key", "lock", "snapshot", "index"] as const) {
      const content = contentOf(2, 700);
      await before.put(repository, { kind, name: nameOf(content) }, { content: parts(content), sizeBytes: 700 });
    }
  }
  await Deno.writeTextFile(`${box.folder}/.htpasswd`, "x".repeat(50));
  const after = await openFiles(box);
  assert.equal(after.takenBytes, 3 * (155 + 5 * 700));
  assert.equal(after.takenBytes, before.takenBytes);
  const order = (files: RepositoryFiles) => [...files.usage.rows()].map((row) => JSON.stringify(row)).sort();
  assert.deepEqual(order(after), order(before));
});

Deno.test("what no list shows counts for the quota, too, unless no request reaches it", async () => {
  await using box = await servedFolder();
  const before = await openFiles(box);
  await before.create("r");
  await put(before, contentOf(1));
  const { name } = pack(contentOf(2));
  const counted = [
    "notes",
    "r/notes",
    `r/index/${name}-tmp-00`,
    "r/data/00/other",
    `r/data/00/${"1".repeat(64)}`,
    "deep/er/and/deeper/file",
    "a b/file",
    `gone/index/${name}`,
    "r/.hidden",
  ];
  const passedOver = [".htpasswd", ".runtime/deno", "lost+found/1"];
  for (const path of [...counted, ...passedOver]) {
    await Deno.mkdir(dirname(`${box.folder}/${path}`), { recursive: true });
    await Deno.writeTextFile(`${box.folder}/${path}`, "x".repeat(50));
  }
  await Deno.symlink("..", `${box.folder}/deep/back`);
  await Deno.symlink("/nowhere", `${box.folder}/deep/nowhere`);
  const after = await openFiles(box);
  assert.equal(after.takenBytes, 1000 + 50 * counted.length);
  assert.deepEqual([...after.usage.rows()], [{ repository: "r", kind: "pack", files: 1, bytes: 1000 }]);
  const limited = await openFiles(box, after.takenBytes + 999);
  assert.equal(await statusOf(put(limited, contentOf(3))), 507);
});

Deno.test("what was announced takes no space from others; what came does until its upload ends", async () => {
  await using box = await servedFolder();
  const files = await openFiles(box, 3000);
  await files.create("r");
  const taken = Promise.withResolvers<void>();
  const stalled = Promise.withResolvers<void>();
  const part = contentOf(7, 500);
  const content = async function* () {
    yield part;
    taken.resolve();
    await stalled.promise;
    yield part;
  };
  const stalledUpload = statusOf(files.put("r", pack(contentOf(8)), { content: content(), sizeBytes: 3000 }));
  await taken.promise;
  assert.equal(await statusOf(put(files, contentOf(1))), 200);
  assert.equal(await statusOf(put(files, contentOf(2))), 200);
  assert.equal(files.takenBytes, 2500);
  assert.equal(await statusOf(put(files, contentOf(3), { sizeBytes: 10_000_000_000 })), 507, "before its first byte");
  assert.equal(await statusOf(put(files, contentOf(3))), 507);
  stalled.resolve();
  assert.equal(await stalledUpload, 400, "its content is not what its name says");
  assert.equal(files.takenBytes, 2000);
});

Deno.test("a start removes what uploads left that crashed more than a day ago, and nothing else", async () => {
  await using box = await servedFolder();
  const files = await openFiles(box);
  await files.create("r");
  const name = nameOf(contentOf(1));
  const paths = [
    `r/data/${name.slice(0, 2)}/${name}-tmp-0a`,
    "r/config-tmp-0b",
    "r/index/notes-tmp-0c",
    `r/keys/${name}-tmp-0d`,
  ];
  const dayMs = 24 * 3_600_000;
  for (const [i, path] of paths.entries()) {
    await Deno.writeTextFile(`${box.folder}/${path}`, "x");
    const time = new Date(NOW.getTime() - (i < 3 ? dayMs + 1000 : dayMs - 1000));
    await Deno.utime(`${box.folder}/${path}`, time, time);
  }
  await openFiles(box);
  assert.deepEqual(await box.files(), [paths[2]!, paths[3]!].sort());
});

Deno.test("a folder that cannot be looked into is told of, and the others are served", async () => {
  await using box = await servedFolder();
  const before = await openFiles(box);
  await before.create("r");
  await put(before, contentOf(1));
  for (const loop of ["a", "r/b"]) await Deno.symlink("loop", `${box.folder}/${loop.replace(/\w$/, "loop")}`);
  await Deno.mkdir(`${box.folder}/lost+found`);
  await Deno.symlink("data", `${box.folder}/lost+found/data`);
  const problems: string[] = [];
  const options = { limitBytes: Infinity, random: systemRandomBytes, onProblem: (text: string) => problems.push(text) };
  const after = await openRepositoryFiles({ path: box.folder, ...options }, NOW);
  assert.equal(after.takenBytes, 1000);
  assert.deepEqual(problems.map((text) => /"([^"]*)"/.exec(text)![1]!.slice(box.folder.length)), ["/loop", "/r/loop"]);
});

/** How many files and folders are flushed by what is done. */
async function flushesOf(act: () => Promise<unknown>): Promise<number> {
  const { prototype } = Deno.FsFile;
  const { sync } = prototype;
  let count = 0;
  prototype.sync = async function () {
    await sync.call(this);
    count++;
  };
  try {
    await act();
  } finally {
    prototype.sync = sync;
  }
  return count;
}

Deno.test("a name is only confirmed where the file holds what it should", async () => {
  await using box = await servedFolder();
  const files = await openFiles(box);
  await files.create("r");
  const content = contentOf(1);
  await put(files, content);
  assert.equal(await put(files, content), 1000);
  assert.equal(await flushesOf(() => put(files, content)), 2, "the upload of before may not have been flushed");
  const path = `${box.folder}/r/data/${pack(content).name.slice(0, 2)}/${pack(content).name}`;
  await Deno.chmod(path, 0o600);
  await Deno.writeFile(path, contentOf(2));
  assert.equal(await statusOf(put(files, content)), 403);
  assert.deepEqual(await Deno.readFile(path), contentOf(2));
});

Deno.test("an upload is on disk but for a piece, whatever its size", async () => {
  await using box = await servedFolder();
  const files = await openFiles(box);
  await files.create("r");
  const part = contentOf(1, 65_536);
  const count = 400;
  const whole = new Uint8Array(part.length * count);
  for (let i = 0; i < count; i++) whole.set(part, i * part.length);
  const file = pack(whole);
  const folder = `${box.folder}/r/data/${file.name.slice(0, 2)}`;
  let mostHeld = 0;
  const content = async function* () {
    for (let i = 0; i < count; i++) {
      yield part;
      const [path] = await filesBelow(folder);
      const { size } = await Deno.stat(`${folder}/${path}`);
      mostHeld = Math.max(mostHeld, (i + 1) * part.length - size);
    }
  };
  await files.put("r", file, { content: content(), sizeBytes: undefined });
  assert.ok(mostHeld <= 2 ** 19, `${mostHeld} bytes were held`);
});
