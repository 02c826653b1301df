/** Trees that no disk of a test has: deeper and wider than a backup can hold. */
import assert from "node:assert/strict";
import { Walk } from "../../../../src/engine/files/walk/walk.ts";
import { stepsOf } from "./walk_steps.ts";
import type { FileSystem, Folder, FolderEntry } from "../../../../src/filesystem/file_system.ts";
import type { FileStatus } from "../../../../src/filesystem/status.ts";
import { MOST_TREE_BYTES, MOST_TREE_DEPTH, MOST_TREE_NODES } from "../../../../src/format/bounds.ts";
import { filesRequest } from "../files_trial.ts";

const STATUS: FileStatus = {
  type: "file",
  mode: 0o644,
  userId: 0,
  groupId: 0,
  size: 0,
  blocks: 0,
  links: 1,
  inode: 1n,
  device: 1n,
  specialDevice: 0n,
  mountId: null,
  accessedNs: 0n,
  modifiedNs: 0n,
  changedNs: 0n,
  createdNs: null,
};

/** `size`: that of files, in bytes. */
function folderOfFiles(names: readonly string[], size: number): EndlessSystem {
  const system = new EndlessSystem([entry("only", "folder")]);
  const openRoot = system.openRoot.bind(system);
  system.openRoot = () => {
    const folder = openRoot() as { -readonly [Name in keyof Folder]: Folder[Name] };
    folder.openFolder = () => {
      const inner = openRoot() as { -readonly [Name in keyof Folder]: Folder[Name] };
      inner.list = () => [names.map((name) => entry(name, "file"))];
      const status = inner.status;
      inner.status = (name) => name.length === 1 ? status(name) : { ...STATUS, size };
      return inner;
    };
    return folder;
  };
  return system;
}

/** A file system in which each folder has the same entries; a folder in it has them, too. */
class EndlessSystem {
  open = 0;
  mostOpen = 0;
  readonly lacks: readonly string[] = [];
  readonly accounts = { userName: () => "root", groupName: () => "root" };
  readonly #entries: readonly FolderEntry[];

  constructor(entries: readonly FolderEntry[]) {
    this.#entries = entries;
  }

  asSystem(): FileSystem {
    return this as unknown as FileSystem;
  }

  openRoot(): Folder {
    this.open++;
    this.mostOpen = Math.max(this.mostOpen, this.open);
    const entries = this.#entries;
    let isOpen = true;
    const folder = {
      path: "/endless",
      openFolder: () => this.openRoot(),
      *list() {
        yield entries;
      },
      status: (name: Uint8Array) => name.length === 1 && name[0] === 0x2e ? { ...STATUS, type: "folder" } : STATUS,
      attributes: () => [],
      [Symbol.dispose]: () => {
        if (isOpen) this.open--;
        isOpen = false;
      },
    };
    return folder as unknown as Folder;
  }

  [Symbol.dispose](): void {}
}

function walkThrough(system: EndlessSystem) {
  const { selection, withAtime } = filesRequest(["/"]);
  using walk = new Walk(system.asSystem(), { selection, withAtime, smallFileBytes: 256 * 1024 });
  const problems: string[] = [];
  let entries = 0;
  let depth = 0;
  let deepest = 0;
  for (let isLast = false; !isLast;) {
    const batch = walk.next();
    isLast = batch.isLast;
    for (const { step, problems: told } of stepsOf(batch)) {
      for (const problem of told) problems.push(problem);
      if (step?.kind === "enter") deepest = Math.max(deepest, ++depth);
      else if (step?.kind === "leave") depth--;
      else if (step?.kind === "entry") entries++;
    }
  }
  assert.equal(depth, 0, "every directory that was entered is left");
  return { problems, entries, deepest };
}

function entry(name: string, type: FolderEntry["type"]): FolderEntry {
  return { name: new TextEncoder().encode(name), type };
}

Deno.test("a tree without an end is walked as deep as a backup can be, with few descriptors, and named", () => {
  const system = new EndlessSystem([entry("a", "file"), entry("d", "folder")]);
  const { problems, entries, deepest } = walkThrough(system);
  assert.ok(deepest > MOST_TREE_DEPTH - 200 && deepest < MOST_TREE_DEPTH - 128, `${deepest} levels`);
  assert.equal(entries, deepest, "one file in each, and none in the last");
  assert.equal(problems.length, 1);
  assert.match(problems[0]!, /lies more than \d+ directories deep: what is in it is left out/);
  assert.ok(system.mostOpen <= 70, `${system.mostOpen} were open`);
  assert.equal(system.open, 0);
});

Deno.test("of a directory with half a million names, as many come as a tree can hold, and the rest is counted", () => {
  const names = Array.from({ length: 500_000 }, (_, i) => entry(`file-number-${i}`, "file"));
  const wide: FolderEntry[] = [entry("wide", "folder")];
  const system = new EndlessSystem(wide);
  const openRoot = system.openRoot.bind(system);
  system.openRoot = () => {
    const folder = openRoot() as { -readonly [Name in keyof Folder]: Folder[Name] };
    folder.openFolder = () => {
      const inner = openRoot() as { -readonly [Name in keyof Folder]: Folder[Name] };
      inner.list = () => [names];
      return inner;
    };
    return folder;
  };
  const { problems, entries } = walkThrough(system);
  assert.ok(entries <= MOST_TREE_NODES && entries * 400 <= MOST_TREE_BYTES && entries > 100_000, `${entries} came`);
  assert.equal(problems.length, 1);
  assert.match(
    problems[0]!,
    new RegExp(`more entries than a directory of a backup may have: ${500_000 - entries} are`),
  );
});

Deno.test("a file of three terabytes has room in a tree, and what no tree can hold is left out and counted", () => {
  const one = walkThrough(folderOfFiles(["disk.img"], 3 * 10 ** 12));
  assert.deepEqual([one.entries, one.problems], [1, []]);
  const { entries, problems } = walkThrough(folderOfFiles(["aa", "bb", "cc"], 1.5 * 10 ** 12));
  assert.equal(entries, 2);
  assert.match(problems.join(), /: 1 are left out/);
});
