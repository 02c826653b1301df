/** What happens to files and directories while they are read. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { SourceError } from "../../../src/base/errors.ts";
import { kernelError } from "../../../src/filesystem/kernel_errors.ts";
import { noise } from "../../helpers/world.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";
import { type BeforeCall, outline, readTrial } from "./files_trial.ts";

/** Does something once, before the n-th call of a method on what has this name. */
function once(method: string, name: string, action: (path: string) => void, nth = 1): BeforeCall {
  let left = nth;
  return (called, path) => {
    if (called === method && path.endsWith(`/${name}`) && --left === 0) action(path);
  };
}

const LARGE = noise(100_000, "large");
/** As the trial has it. */
const SMALL_FILE_BYTES = 16_384;

interface Race {
  readonly what: string;
  readonly before: BeforeCall;
  /** What is kept of `small` and `large`: text, a number of bytes, or null if it is left out. */
  readonly small?: string | null;
  readonly large?: number | null;
  readonly problems: readonly RegExp[];
}

const RACES: readonly Race[] = [
  {
    what: "a small file vanishes before it is opened",
    before: once("openFile", "small", (path) => Deno.removeSync(path)),
    small: null,
    problems: [/small" vanished before it was read/],
  },
  {
    what: "a large file vanishes before it is opened",
    before: once("openFile", "large", (path) => Deno.removeSync(path)),
    large: null,
    problems: [/large" vanished before it was read/],
  },
  {
    what: "a large file vanishes while it is read",
    before: once("file.read", "large", (path) => Deno.removeSync(path)),
    problems: [/large" changed while it was read/],
  },
  {
    what: "a name vanishes before its status is known",
    before: once("status", "small", (path) => Deno.removeSync(path)),
    small: null,
    problems: [],
  },
  {
    what: "a small file becomes a fifo",
    before: once("openFile", "small", (path) => {
      Deno.removeSync(path);
      execFileSync("mkfifo", [path]);
    }),
    small: null,
    problems: [/small" became a fifo before it was read/],
  },
  {
    what: "a small file becomes a link to a secret",
    before: once("openFile", "small", (path) => {
      Deno.removeSync(path);
      Deno.symlinkSync("/etc/passwd", path);
    }),
    small: null,
    problems: [/small" became a link before it was read/],
  },
  {
    what: "a small file becomes a directory",
    before: once("openFile", "small", (path) => {
      Deno.removeSync(path);
      Deno.mkdirSync(path);
    }),
    small: null,
    problems: [/small" became a folder before it was read/],
  },
  {
    what: "a small file is replaced by another one before it is opened, as editors do",
    before: once("openFile", "small", (path) => {
      Deno.writeTextFileSync(`${path}.new`, "another content");
      Deno.renameSync(`${path}.new`, path);
    }),
    small: "another content",
    problems: [],
  },
  {
    what: "a small file shrinks while it is read",
    before: once("file.read", "small", (path) => Deno.truncateSync(path, 3)),
    small: "con",
    problems: [/small" shrank while it was read; 3 bytes of it are kept/],
  },
  {
    what: "a small file grows beyond all room for it before it is opened",
    before: once("openFile", "small", (path) => Deno.writeTextFileSync(path, "more".repeat(500_000), { append: true })),
    small: ("content" + "more".repeat(SMALL_FILE_BYTES)).slice(0, SMALL_FILE_BYTES),
    problems: [/small" grew while it was read; 16384 bytes of it are kept/],
  },
  {
    what: "a small file grows while it is read",
    before: once("file.read", "small", (path) => Deno.writeTextFileSync(path, " and more", { append: true })),
    small: "content",
    problems: [/small" grew while it was read; 7 bytes of it are kept/],
  },
  {
    what: "a large file shrinks while it is read",
    before: once("file.read", "large", (path) => Deno.truncateSync(path, 40_000)),
    large: 40_000,
    problems: [/large" shrank while it was read; 40000 bytes of it are kept/],
  },
  {
    what: "a large file grows while it is read",
    before: once("file.read", "large", (path) => Deno.writeTextFileSync(path, "more", { append: true })),
    problems: [/large" grew while it was read; 100000 bytes of it are kept/],
  },
  {
    what: "a small file changes while it is read, and its size does not",
    before: once("file.status", "small", (path) => Deno.writeTextFileSync(path, "CONTENT"), 2),
    problems: [/small" changed while it was read/],
  },
  {
    what: "a large file cannot be read to its end",
    before: once("file.read", "large", () => {
      throw kernelError(5, "read", "large");
    }),
    large: 0,
    problems: [/Cannot read "large": the disk reported an error; 0 bytes of it are kept/],
  },
  {
    what: "a small file cannot be read",
    before: once("file.read", "small", () => {
      throw kernelError(5, "read", "small");
    }),
    small: null,
    problems: [/Cannot read "small": the disk reported an error/],
  },
  {
    what: "a file may not be opened",
    before: once("openFile", "small", (path) => {
      throw kernelError(13, "open", path);
    }),
    small: null,
    problems: [/Cannot open ".*small": permission denied/],
  },
];

for (const { what, before, small = "content", large = LARGE.length, problems } of RACES) {
  Deno.test(`a race: ${what}`, async () => {
    await using directory = new TestDirectory();
    directory.write("d/before", "b");
    directory.write("d/large", LARGE);
    directory.write("d/small", "content");
    directory.write("d/z", "z");
    const gave = await readTrial([directory.path], { before });
    const files = outline(gave, directory.path);
    assert.equal(files["d/before"], "b", "what is beside it is not touched");
    assert.equal(files["d/z"], "z");
    assert.equal(files["d/small"] ?? null, small);
    const came = gave.entries.find(({ path }) => path.endsWith("/large"))?.content ?? null;
    assert.deepEqual(came, large === null ? null : LARGE.slice(0, large));
    assert.equal(gave.problems.length, problems.length, gave.problems.join("\n"));
    problems.forEach((problem, i) => assert.match(gave.problems[i]!, problem));
  });
}

Deno.test("a replaced file has the properties of what was read", async () => {
  await using directory = new TestDirectory();
  directory.write("file", "short");
  const before = once("openFile", "file", (path) => {
    Deno.writeTextFileSync(`${path}.new`, "longer content");
    Deno.chmodSync(`${path}.new`, 0o600);
    Deno.renameSync(`${path}.new`, path);
  });
  const gave = await readTrial([directory.path], { before });
  const { properties } = gave.entries.find(({ path }) => path.endsWith("/file"))!;
  assert.equal(properties.mode, 0o600);
  assert.equal(Number(properties.inode), (await Deno.lstat(directory.at("file"))).ino);
});

Deno.test("directories that vanish, or become links, before they are opened", async () => {
  await using directory = new TestDirectory();
  directory.write("gone/file", "g");
  directory.write("swapped/file", "s");
  directory.write("z", "z");
  const swap = once("openFolder", "swapped", (path) => {
    Deno.removeSync(path, { recursive: true });
    Deno.symlinkSync("/etc", path);
  });
  const remove = once("openFolder", "gone", (path) => Deno.removeSync(path, { recursive: true }));
  const gave = await readTrial([directory.path], {
    before: (...call) => {
      swap(...call);
      remove(...call);
    },
  });
  assert.deepEqual(outline(gave, directory.path), { "swapped": "symlink", "z": "z" });
  assert.deepEqual(gave.problems, []);
});

Deno.test("a directory that cannot be listed is named, and its own entry stays", async () => {
  await using directory = new TestDirectory();
  directory.write("closed/file", "c");
  directory.write("z", "z");
  const before = once("list", "closed", (path) => {
    throw kernelError(13, "list the folder", path);
  });
  const gave = await readTrial([directory.path], { before });
  assert.deepEqual(outline(gave, directory.path), { "closed": "dir", "z": "z" });
  assert.equal(gave.problems.length, 1);
  assert.match(gave.problems[0]!, /Cannot list the folder ".*closed": permission denied/);
});

Deno.test("attributes that cannot be read are named, and the entry is kept", async () => {
  await using directory = new TestDirectory();
  directory.write("file", "f");
  const before = once("attributes", "file", (path) => {
    throw kernelError(13, "read the extended attribute user.x of", path);
  });
  const gave = await readTrial([directory.path], { before });
  assert.equal(outline(gave, directory.path)["file"], "f");
  assert.equal(gave.problems.length, 1);
});

Deno.test("problems come in walk order, whoever finds them first", async () => {
  await using directory = new TestDirectory();
  for (const name of ["a", "b", "c", "d"]) directory.write(name, name === "b" ? LARGE : "content");
  const denied = ["a", "c", "d"].map((name) =>
    once("openFile", name, (path) => {
      throw kernelError(13, "open", path);
    })
  );
  const grow = once("file.read", "b", (path) => Deno.writeTextFileSync(path, "more", { append: true }));
  const gave = await readTrial([directory.path], {
    before: (...call) => [...denied, grow].forEach((each) => each(...call)),
  });
  assert.deepEqual(gave.problems.map((problem) => /\/(\w)"/.exec(problem)![1]), ["a", "b", "c", "d"]);
});

Deno.test("a PATH that vanishes is named; if nothing is left of any, nothing is backed up", async () => {
  await using directory = new TestDirectory();
  directory.write("a", "a");
  directory.write("b", "b");
  const gave = await readTrial([directory.at("a"), directory.at("b")], {
    before: once("status", "b", (path) => Deno.removeSync(path)),
  });
  assert.deepEqual(outline(gave, directory.path), { "a": "a" });
  assert.match(gave.problems.join(), /b" vanished before it was read/);
  await Deno.remove(directory.at("a"));
  await assert.rejects(readTrial([directory.at("a"), directory.at("b")]), SourceError);
});

Deno.test("names of a file of which the first could not be read are named, too", async () => {
  await using directory = new TestDirectory();
  directory.write("a", "content");
  await Deno.link(directory.at("a"), directory.at("b"));
  const gave = await readTrial([directory.path], {
    before: once("openFile", "a", (path) => {
      throw kernelError(13, "open", path);
    }),
  });
  assert.deepEqual(outline(gave, directory.path), {});
  assert.match(gave.problems[1]!, /b" is another name of ".*a", which could not be read/);
});
