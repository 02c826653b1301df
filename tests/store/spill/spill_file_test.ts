/** The file of one process: blocks come back as they were written, or not at all, and nothing is left of it. */
import assert from "node:assert/strict";
import { AgentError, StoreFullError } from "../../../src/base/errors.ts";
import { SpillFile } from "../../../src/store/spill/spill_file.ts";
import { noise } from "../../helpers/world.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";
import { MadeFile } from "./spills.ts";

const BLOCK_BYTES = 64;
const MANY = { mostBytes: 1 << 20 };

function madeFile(mostBytes = MANY.mostBytes) {
  const file = new MadeFile();
  const problems: AgentError[] = [];
  const spill = new SpillFile(file, "/cache/spill/x", { mostBytes, onProblem: (problem) => problems.push(problem) });
  return { file, spill, problems };
}

Deno.test("blocks come back in any order, and the file has no name and no reader but its process", async () => {
  await using directory = new TestDirectory();
  using spill = SpillFile.create(`${directory.path}/file`, MANY);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(directory.path)), []);
  const parts = [noise(4 * BLOCK_BYTES, "a"), noise(BLOCK_BYTES, "b"), noise(2 * BLOCK_BYTES, "c")];
  const written = parts.map((bytes) => spill.append(bytes, BLOCK_BYTES)!);
  const target = new Uint8Array(BLOCK_BYTES);
  for (const [part, block] of [[2, 1], [0, 3], [1, 0], [0, 0], [2, 0], [0, 3]] as const) {
    spill.read(written[part]!, block, target);
    assert.deepEqual(target, parts[part]!.subarray(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES));
  }
});

Deno.test("a file that is there already is left alone", async () => {
  await using directory = new TestDirectory();
  const path = `${directory.path}/file`;
  await Deno.writeTextFile(path, "another's");
  assert.throws(() => SpillFile.create(path, MANY), Deno.errors.AlreadyExists);
  assert.equal(await Deno.readTextFile(path), "another's");
});

Deno.test("only its user may open it in the moment in which it has a name", () => {
  const made: Deno.OpenOptions[] = [];
  const { openSync, removeSync } = Deno;
  try {
    Deno.openSync = (_path, options) => {
      made.push(options!);
      return new MadeFile() as unknown as Deno.FsFile;
    };
    Deno.removeSync = () => {};
    SpillFile.create("/x", MANY);
  } finally {
    Object.assign(Deno, { openSync, removeSync });
  }
  assert.deepEqual(made, [{ read: true, write: true, createNew: true, mode: 0o600 }]);
});

Deno.test("a file whose name cannot be removed is not used", () => {
  const file = new MadeFile();
  const { openSync, removeSync } = Deno;
  try {
    Deno.openSync = () => file as unknown as Deno.FsFile;
    Deno.removeSync = () => {
      throw new Deno.errors.PermissionDenied("no");
    };
    assert.throws(() => SpillFile.create("/x", MANY), Deno.errors.PermissionDenied);
  } finally {
    Object.assign(Deno, { openSync, removeSync });
  }
  assert.ok(file.isClosed);
});

Deno.test("a full disk is told once; what was written before can be read, and the rest stays where it is", () => {
  const { file, spill, problems } = madeFile();
  const first = noise(2 * BLOCK_BYTES, "first");
  const written = spill.append(first, BLOCK_BYTES)!;
  let taken = 0;
  file.take = (wanted) => {
    if (taken++ > 0) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    return wanted >> 1;
  };
  assert.equal(spill.append(noise(2 * BLOCK_BYTES, "second"), BLOCK_BYTES), undefined);
  file.take = (wanted) => wanted;
  assert.equal(spill.append(noise(2 * BLOCK_BYTES, "third"), BLOCK_BYTES), undefined);
  assert.equal(problems.length, 1);
  assert.ok(problems[0] instanceof StoreFullError);
  const target = new Uint8Array(BLOCK_BYTES);
  spill.read(written, 1, target);
  assert.deepEqual(target, first.subarray(BLOCK_BYTES));
});

Deno.test("writes and reads that take a few bytes each are continued; one that takes none is a failure", () => {
  const { file, spill, problems } = madeFile();
  file.take = (wanted) => Math.min(wanted, 7);
  file.give = (wanted) => Math.min(wanted, 5);
  const bytes = noise(3 * BLOCK_BYTES, "bytes");
  const written = spill.append(bytes, BLOCK_BYTES)!;
  const target = new Uint8Array(BLOCK_BYTES);
  spill.read(written, 2, target);
  assert.deepEqual(target, bytes.subarray(2 * BLOCK_BYTES));
  file.take = () => 0;
  assert.equal(spill.append(bytes, BLOCK_BYTES), undefined);
  assert.equal(problems.length, 1);
});

Deno.test("what exceeds the limit of the cache is not written, without a word", () => {
  const { spill, problems } = madeFile(3 * BLOCK_BYTES);
  assert.ok(spill.append(noise(2 * BLOCK_BYTES, "a"), BLOCK_BYTES));
  assert.equal(spill.append(noise(2 * BLOCK_BYTES, "b"), BLOCK_BYTES), undefined);
  assert.ok(spill.append(noise(BLOCK_BYTES, "c"), BLOCK_BYTES));
  assert.deepEqual(problems, []);
});

for (
  const [words, damage] of [
    ["a flipped bit", (file) => void (file.bytes[BLOCK_BYTES + 9]! ^= 4)],
    ["another block in its place", (file) => file.bytes.copyWithin(BLOCK_BYTES, 0, BLOCK_BYTES)],
    ["a file that was cut off", (file) => void (file.give = () => null)],
    ["a file that ends in the block", (file) => void (file.give = (wanted) => wanted < BLOCK_BYTES ? null : 10)],
    ["a disk that fails", (file) => {
      file.give = () => {
        throw Object.assign(new Error("input/output error"), { code: "EIO" });
      };
    }],
  ] as const satisfies readonly (readonly [string, (file: MadeFile) => void])[]
) {
  Deno.test(`after ${words}, nothing of the file is read any more`, () => {
    const { file, spill } = madeFile();
    const whole = file.give;
    const written = spill.append(noise(3 * BLOCK_BYTES, "blocks"), BLOCK_BYTES)!;
    const target = new Uint8Array(BLOCK_BYTES).fill(1);
    damage(file);
    const refused = (error: unknown) => {
      return error instanceof AgentError && error.code === "failed" && error.message.includes('"/cache/spill/x"');
    };
    assert.throws(() => spill.read(written, 1, target), refused);
    assert.ok(target.every((byte) => byte === 0));
    file.give = whole;
    assert.throws(() => spill.read(written, 2, target), refused);
  });
}

Deno.test("its end closes it, and nobody reads from it afterwards", () => {
  const { file, spill } = madeFile();
  const written = spill.append(noise(BLOCK_BYTES, "block"), BLOCK_BYTES)!;
  spill[Symbol.dispose]();
  assert.ok(file.isClosed);
  spill[Symbol.dispose]();
  assert.equal(spill.append(noise(BLOCK_BYTES, "block"), BLOCK_BYTES), undefined);
  assert.throws(() => spill.read(written, 0, new Uint8Array(BLOCK_BYTES)), { code: "bug" });
});
