/** What every file system has to do, whatever it stands on: one suite, run by the tests of each implementation. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { BugError, FileSystemError } from "../../src/base/errors.ts";
import type { FileSystem, Folder } from "../../src/filesystem/file_system.ts";
import { HERE } from "../../src/filesystem/names.ts";
import { rootTest } from "../helpers/as_root.ts";
import { descriptorsBelow } from "../helpers/descriptors.ts";

/** What an implementation keeps beyond what all do. */
interface Keeps {
  /** Names and targets that are not UTF-8. */
  readonly anyBytes: boolean;
  /** Times to the nanosecond, also before 1970. */
  readonly nanoseconds: boolean;
  /** Extended attributes. */
  readonly attributes: boolean;
  /** Fifos, sockets and devices. */
  readonly specialFiles: boolean;
  /** Which bytes are stored, and making holes. */
  readonly holes: boolean;
}

const PROPERTY = { seed: 13, numRuns: 200 };

/** A file system, an empty folder that is open, and its path. */
interface Bench extends Disposable {
  readonly files: FileSystem;
  readonly folder: Folder;
  readonly path: string;
}

/** A new empty folder below the place for temporary files. */
export function makeBench(open: () => FileSystem): Bench {
  const path = Deno.makeTempDirSync({ prefix: "agent-file-system-" });
  const files = open();
  const folder = files.openRoot(bytes(path));
  const dispose = () => {
    folder[Symbol.dispose]();
    files[Symbol.dispose]();
    Deno.removeSync(path, { recursive: true });
  };
  return { files, folder, path, [Symbol.dispose]: dispose };
}

/** A text in UTF-8. */
export function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** Checks for `assert.throws` that the kernel refused with one of these errors. */
export function refusedWith(...errnos: readonly string[]): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof FileSystemError, String(error));
    assert.ok(errnos.includes(error.errno), `${error.errno} is one of ${errnos}: ${error.message}`);
    assert.equal(error.code, "file-system");
    return true;
  };
}

/** The names in a folder, sorted, a character for each byte. */
export function namesIn(folder: Folder): string[] {
  return [...folder.list()].flat().map(({ name }) => String.fromCharCode(...name)).sort();
}

/** Writes an entry's whole content through the file system. */
export function writeEntry(folder: Folder, name: string, content: Uint8Array): void {
  using file = folder.createFile(bytes(name), 0o600);
  file.write(content, 0);
  file.close();
}

/** Registers the tests of one implementation. */
export function fileSystemConformance(label: string, open: () => FileSystem, keeps: Keeps): void {
  const test = (name: string, fn: (bench: Bench) => void, register: typeof rootTest = Deno.test) =>
    register(`${label}: ${name}`, () => {
      using bench = makeBench(open);
      fn(bench);
    });

  test("a list has every entry once, with its type, and begins anew each time", ({ folder, path }) => {
    const names = Array.from({ length: 3000 }, (_, i) => `name ${i}`);
    for (const name of names) writeFileSync(join(path, name), "");
    mkdirSync(join(path, "folder"));
    symlinkSync("nowhere", join(path, "link"));
    for (let time = 0; time < 2; time++) {
      const pieces = [...folder.list()];
      const entries = pieces.flat().map(({ name, type }) => [new TextDecoder().decode(name), type]);
      const expected = [...names.map((name) => [name, "file"]), ["folder", "folder"], ["link", "link"]];
      assert.deepEqual(entries.sort(), expected.sort());
      assert.ok(pieces.length > 1, "a large folder comes in pieces");
    }
  });

  test("names of any bytes, up to 255, lead to their entries", ({ folder, path }) => {
    const allowed = fc.integer({ min: 1, max: 255 }).filter((byte) => byte !== 0x2f);
    const name = fc.uint8Array({ minLength: 1, maxLength: 255 }).chain(({ length }) =>
      fc.array(allowed, { minLength: length, maxLength: length })
    ).map((list) => Uint8Array.from(list)).filter((found) => !["", ".", ".."].includes(String.fromCharCode(...found)));
    const check = (tried: Uint8Array) => {
      folder.createFile(tried, 0o600)[Symbol.dispose]();
      assert.deepEqual(namesIn(folder), [String.fromCharCode(...tried)]);
      assert.equal(folder.status(tried)?.type, "file");
      folder.removeFile(tried);
      assert.equal(folder.status(tried), null);
    };
    if (keeps.anyBytes) {
      const longest = new Uint8Array(255).fill(0xff);
      fc.assert(fc.property(name, check), { ...PROPERTY, examples: [[longest], [bytes("a\nb\\")], [bytes("-rf")]] });
      assert.throws(() => folder.createFile(new Uint8Array(256).fill(0x61), 0o600), refusedWith("ENAMETOOLONG"));
    } else {
      assert.throws(() => folder.createFile(Uint8Array.of(0xff), 0o600), refusedWith("EILSEQ"));
      fc.assert(fc.property(fc.stringMatching(/^[^/\0.]{1,60}$/).map(bytes), check), PROPERTY);
    }
    assert.deepEqual(readdirSync(path), []);
  });

  test("no name leads out of its folder", ({ folder }) => {
    for (const name of ["", "..", "a/b", "a\0b"]) {
      assert.throws(() => folder.status(bytes(name)), BugError, JSON.stringify(name));
      assert.throws(() => folder.createFile(bytes(name), 0o600), BugError);
      assert.throws(() => folder.removeFile(bytes(name)), BugError);
      assert.throws(() => folder.rename(bytes("x"), folder, bytes(name)), BugError);
    }
    for (const path of ["../x", "a/../../x", "/etc", "a//b", "a/.", ""]) {
      assert.throws(() => folder.openFile(bytes(path)), BugError, path);
      assert.throws(() => folder.openFolder(bytes(path)), BugError, path);
    }
  });

  test("links are followed only to a root", ({ files, folder, path }) => {
    mkdirSync(join(path, "real/deep"), { recursive: true });
    writeFileSync(join(path, "real/deep/file"), "content");
    symlinkSync("real", join(path, "link"));
    symlinkSync("real/deep/file", join(path, "file link"));
    symlinkSync("deep", join(path, "real/inner"));
    for (const way of ["link", "link/deep", "real/inner"]) {
      assert.throws(() => folder.openFolder(bytes(way)), refusedWith("ELOOP", "ENOTDIR"), way);
    }
    for (const way of ["link/deep/file", "real/inner/file", "file link"]) {
      assert.throws(() => folder.openFile(bytes(way)), refusedWith("ELOOP", "ENOTDIR"), way);
      assert.throws(() => folder.openFileToRepair(bytes(way)), refusedWith("ELOOP", "ENOTDIR"), way);
    }
    using deep = folder.openFolder(bytes("real/deep"));
    using file = folder.openFile(bytes("real/deep/file"));
    assert.equal(file.status().inode, deep.status(bytes("file"))?.inode);
    assert.equal(deep.path, `${path}/real/deep`);
    using root = files.openRoot(bytes(`${path}/link`));
    assert.deepEqual(namesIn(root), ["deep", "inner"]);
    assert.throws(() => files.openRoot(bytes(`${path}/none`)), refusedWith("ENOENT"));
    assert.throws(() => files.openRoot(bytes(`${path}/file link`)), refusedWith("ENOTDIR"));
  });

  test("the status of entries is what the system says", ({ folder, path }) => {
    writeFileSync(join(path, "file"), "12345");
    mkdirSync(join(path, "folder"));
    symlinkSync("nowhere at all", join(path, "link"));
    for (const name of ["file", "folder", "link"]) {
      const status = folder.status(bytes(name))!;
      const expected = lstatSync(join(path, name), { bigint: true });
      assert.equal(status.type, name);
      assert.equal(BigInt(status.mode), expected.mode & 0o7777n);
      assert.deepEqual([status.userId, status.groupId].map(BigInt), [expected.uid, expected.gid]);
      assert.deepEqual([status.inode, status.device], [expected.ino, expected.dev]);
      assert.deepEqual([status.size, status.blocks, status.links].map(BigInt), [
        expected.size,
        expected.blocks,
        expected.nlink,
      ]);
    }
    assert.equal(folder.status(HERE)?.inode, lstatSync(path, { bigint: true }).ino);
    assert.equal(folder.status(bytes("none")), null);
  });

  test("content is written, read and cut at any offset, from shared memory as well", ({ folder, path }) => {
    writeEntry(folder, "file", bytes("hello, world"));
    using file = folder.openFileToRepair(bytes("file"));
    const shared = new Uint8Array(new SharedArrayBuffer(16)).subarray(2, 12);
    assert.equal(file.read(shared, 7), 5);
    assert.deepEqual([...shared.subarray(0, 5)], [...bytes("world")]);
    assert.equal(file.read(shared, 12), 0);
    file.write(shared.subarray(0, 5), 0);
    file.resize(6);
    file.sync();
    assert.equal(readFileSync(join(path, "file"), "utf8"), "world,");
    assert.throws(() => folder.createFile(bytes("file"), 0o600), refusedWith("EEXIST"));
    file.close();
    file.close();
    assert.throws(() => file.read(shared, 0), BugError);
  });

  test("what may only be read is not written", ({ folder }) => {
    writeEntry(folder, "file", bytes("x"));
    using file = folder.openFile(bytes("file"));
    assert.throws(() => file.write(bytes("y"), 0), refusedWith("EBADF"));
  });

  test("links have any target, even to nothing or of 4,095 bytes", ({ folder }) => {
    const targets = [bytes("nowhere"), bytes("a\nb/../c"), new Uint8Array(4095).fill(0x62)];
    if (keeps.anyBytes) targets.push(Uint8Array.from({ length: 255 }, (_, i) => i + 1));
    targets.forEach((target, i) => {
      folder.makeLink(bytes(`link ${i}`), target);
      assert.deepEqual(folder.readLink(bytes(`link ${i}`)), target);
    });
    writeEntry(folder, "file", bytes(""));
    assert.throws(() => folder.readLink(bytes("file")), refusedWith("EINVAL"));
    assert.throws(() => folder.readLink(bytes("none")), refusedWith("ENOENT"));
  });

  test("a target or an attribute's name with a NUL is refused, and never taken for a shorter one", ({ folder }) => {
    assert.throws(() => folder.makeLink(bytes("link"), bytes("a\0b")), refusedWith("EINVAL"));
    writeEntry(folder, "file", bytes(""));
    const attribute = { name: "user.a\0b", value: bytes("x") };
    assert.throws(() => folder.setAttribute(bytes("file"), attribute), refusedWith("EINVAL", "ENOTSUP"));
    assert.deepEqual(folder.attributes(bytes("file")), []);
    assert.equal(folder.status(bytes("link")), null);
  });

  test("entries are linked, moved and removed", ({ folder }) => {
    folder.makeFolder(bytes("other"), 0o700);
    using other = folder.openFolder(bytes("other"));
    writeEntry(folder, "file", bytes("x"));
    folder.makeHardLink(bytes("file"), other, bytes("second"));
    assert.equal(other.status(bytes("second"))?.inode, folder.status(bytes("file"))?.inode);
    assert.equal(folder.status(bytes("file"))?.links, 2);
    assert.throws(() => folder.makeHardLink(bytes("file"), other, bytes("second")), refusedWith("EEXIST"));
    folder.makeLink(bytes("link"), bytes("file"));
    folder.makeHardLink(bytes("link"), other, bytes("link too"));
    assert.equal(other.status(bytes("link too"))?.type, "link");
    folder.rename(bytes("link"), other, bytes("second"));
    assert.equal(other.status(bytes("second"))?.type, "link");
    assert.throws(() => folder.removeFolder(bytes("other")), refusedWith("ENOTEMPTY", "EEXIST"));
    assert.throws(() => folder.removeFile(bytes("other")), refusedWith("EISDIR", "EPERM"));
    folder.makeFolder(bytes("empty"), 0o700);
    assert.throws(() => folder.removeFile(bytes("empty")), refusedWith("EISDIR", "EPERM"));
    folder.removeFolder(bytes("empty"));
    assert.throws(() => folder.makeFolder(bytes("other"), 0o700), refusedWith("EEXIST"));
    for (const name of namesIn(other)) other.removeFile(bytes(name));
    folder.removeFolder(bytes("other"));
    folder.sync();
    assert.deepEqual(namesIn(folder), ["file"]);
  });

  test("modes have twelve bits, whatever the umask; links have none", ({ folder }) => {
    writeEntry(folder, "file", bytes(""));
    folder.makeFolder(bytes("folder"), 0o700);
    folder.makeLink(bytes("link"), bytes("file"));
    using file = folder.openFileToRepair(bytes("file"));
    for (const mode of [0o7777, 0o4755, 0o2755, 0o1777, 0o666, 0o400, 0]) {
      folder.setMode(bytes("folder"), mode);
      folder.setMode(bytes("file"), mode);
      assert.equal(folder.status(bytes("folder"))?.mode, mode);
      assert.equal(file.status().mode, mode);
      file.setMode(0o600);
      assert.equal(file.status().mode, 0o600);
    }
    folder.setMode(bytes("folder"), 0o700); // So that whoever made it can remove it.
    folder.setMode(HERE, 0o1755);
    assert.equal(folder.status(HERE)?.mode, 0o1755);
    assert.throws(() => folder.setMode(bytes("link"), 0o600), refusedWith("ENOTSUP"));
    assert.equal(folder.status(bytes("file"))?.mode, 0o600);
    assert.throws(() => folder.setMode(bytes("none"), 0o600), refusedWith("ENOENT"));
  });

  test("times are kept for files, folders and links", ({ folder }) => {
    writeEntry(folder, "file", bytes(""));
    folder.makeFolder(bytes("folder"), 0o700);
    folder.makeLink(bytes("link"), bytes("nowhere"));
    using file = folder.openFileToRepair(bytes("file"));
    const year = 31_557_600n * 1_000_000_000n;
    const range = keeps.nanoseconds ? { min: -60n * year, max: 300n * year } : { min: 0n, max: 200n * year };
    const time = fc.bigInt(range).map((ns) => keeps.nanoseconds ? ns : ns - ns % 1_000_000_000n);
    const check = (accessedNs: bigint, modifiedNs: bigint) => {
      for (const name of ["file", "folder", "link"]) folder.setTimes(bytes(name), { accessedNs, modifiedNs });
      for (const name of ["file", "folder", "link"]) {
        const status = folder.status(bytes(name))!;
        assert.deepEqual([status.accessedNs, status.modifiedNs], [accessedNs, modifiedNs], name);
      }
      file.setTimes({ accessedNs: null, modifiedNs: accessedNs });
      assert.equal(file.status().modifiedNs, accessedNs);
      assert.equal(file.status().accessedNs, accessedNs);
    };
    const examples: [bigint, bigint][] = keeps.nanoseconds
      ? [[-1n, 2_147_483_648_000_000_001n], [0n, -999_999_999n]]
      : [];
    fc.assert(fc.property(time, time, check), { ...PROPERTY, examples });
    const fixed = { accessedNs: 1_000_000_000n, modifiedNs: 2_000_000_000n };
    folder.setTimes(HERE, fixed);
    assert.equal(folder.status(HERE)?.modifiedNs, fixed.modifiedNs);
  });

  test("owners change, and those of links alone", ({ files, folder }) => {
    assert.equal(files.accounts.mayChangeOwners, true);
    writeEntry(folder, "file", bytes(""));
    folder.makeLink(bytes("link"), bytes("file"));
    folder.setOwner(bytes("link"), { userId: 1234, groupId: 4_294_967_290 });
    const owners = (name: string) => {
      const status = folder.status(bytes(name))!;
      return [status.userId, status.groupId];
    };
    assert.deepEqual([owners("link"), owners("file")], [[1234, 4_294_967_290], [0, 0]]);
    folder.setOwner(bytes("link"), { userId: null, groupId: 7 });
    assert.deepEqual(owners("link"), [1234, 7]);
    using file = folder.openFile(bytes("file"));
    file.setOwner({ userId: 5, groupId: null });
    assert.deepEqual(owners("file"), [5, 0]);
  }, rootTest);

  test("attributes are kept, or called lacking", ({ files, folder }) => {
    writeEntry(folder, "file", bytes(""));
    const attribute = { name: "user.agent", value: Uint8Array.from({ length: 256 }, (_, i) => i) };
    if (!keeps.attributes) {
      assert.ok(files.lacks.some((line) => line.includes("extended attributes")));
      assert.deepEqual(folder.attributes(bytes("file")), []);
      assert.throws(() => folder.setAttribute(bytes("file"), attribute), refusedWith("ENOTSUP"));
      return;
    }
    folder.makeFolder(bytes("folder"), 0o700);
    using inner = folder.openFolder(bytes("folder"));
    const empty = { name: "user.a", value: new Uint8Array(0) };
    for (const name of ["file", "folder"].map(bytes)) {
      folder.setAttribute(name, attribute);
      folder.setAttribute(name, empty);
      assert.deepEqual(folder.attributes(name), [empty, attribute]);
      folder.removeAttribute(name, "user.a");
      assert.throws(() => folder.removeAttribute(name, "user.a"), refusedWith("ENODATA"));
      assert.deepEqual(folder.attributes(name), [attribute]);
    }
    assert.deepEqual(inner.attributes(HERE), [attribute]);
    using file = folder.openFile(bytes("file"));
    assert.deepEqual(file.attributes(), [attribute]);
    assert.throws(() => folder.attributes(bytes("none")), refusedWith("ENOENT"));
  });

  test("special files are made, or called lacking, and opening a fifo never waits", ({ files, folder, path }) => {
    if (keeps.specialFiles) {
      folder.makeSpecialFile(bytes("fifo"), { type: "fifo" }, 0o600);
      folder.makeSpecialFile(bytes("socket"), { type: "socket" }, 0o600);
      assert.equal(folder.status(bytes("socket"))?.type, "socket");
      assert.throws(() => folder.openFile(bytes("socket")), refusedWith("ENXIO"));
    } else {
      assert.ok(files.lacks.some((line) => line.includes("fifos")));
      const make = () => folder.makeSpecialFile(bytes("fifo"), { type: "fifo" }, 0o600);
      assert.throws(make, refusedWith("ENOTSUP"));
      if (!existsSync("/usr/bin/mkfifo")) return;
      execFileSync("/usr/bin/mkfifo", [join(path, "fifo")]);
    }
    assert.equal(folder.status(bytes("fifo"))?.type, "fifo");
    using fifo = folder.openFile(bytes("fifo"));
    assert.equal(fifo.status().type, "fifo");
    assert.throws(() => folder.openFileToRepair(bytes("fifo")), refusedWith("EINVAL"));
  });

  test("all of a file is data or a hole, and what is made a hole reads as zeros", ({ folder }) => {
    writeEntry(folder, "file", new Uint8Array(65_536).fill(7));
    using file = folder.openFileToRepair(bytes("file"));
    assert.deepEqual(file.nextData(0), { offset: 0, end: 65_536 });
    assert.equal(file.nextData(65_536), null);
    assert.equal(file.punchHole(0, 32_768), keeps.holes);
    assert.equal(file.status().size, 65_536);
    if (!keeps.holes) return;
    assert.deepEqual(file.nextData(0), { offset: 32_768, end: 65_536 });
    const read = new Uint8Array(32_769);
    file.read(read, 0);
    assert.deepEqual([read[0], read[32_767], read[32_768]], [0, 0, 7]);
  });

  test("users and groups have names and numbers, and those that do not exist none", ({ files: { accounts } }) => {
    assert.deepEqual([accounts.userName(0), accounts.groupName(0)], ["root", "root"]);
    assert.deepEqual([accounts.userId("root"), accounts.groupId("root")], [0, 0]);
    assert.deepEqual([accounts.userName(3_999_999_999), accounts.groupName(3_999_999_999)], ["", ""]);
    assert.deepEqual([accounts.userId("no such user"), accounts.groupId("")], [null, null]);
    assert.equal(accounts.effectiveUserId, Deno.uid());
  });

  test("no descriptor is left open, whether calls succeed or fail", ({ folder, path }) => {
    mkdirSync(join(path, "a/b/c"), { recursive: true });
    writeFileSync(join(path, "a/b/c/file"), "x");
    symlinkSync("b", join(path, "a/link"));
    const use = () => {
      folder.openFolder(bytes("a/b/c"))[Symbol.dispose]();
      folder.openFile(bytes("a/b/c/file"))[Symbol.dispose]();
      for (const way of ["a/link/c", "a/none/c", "a/b/c/file/x", "a/link"]) {
        assert.throws(() => folder.openFolder(bytes(way)), FileSystemError);
      }
      folder.setMode(bytes("a"), 0o755);
      [...folder.list()];
      folder.attributes(bytes("a"));
      assert.throws(() => folder.openFileToRepair(bytes("a")), FileSystemError);
    };
    use();
    const before = descriptorsBelow(path);
    for (let i = 0; i < 50; i++) use();
    assert.equal(descriptorsBelow(path), before);
  });
}
