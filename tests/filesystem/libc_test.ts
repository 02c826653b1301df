/** What only the C library keeps, compared with what the system's own programs say. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { deviceNumber } from "../../src/filesystem/device_number.ts";
import { MACHINES } from "../../src/filesystem/libc/constants.ts";
import { encodeTimes } from "../../src/filesystem/libc/descriptor.ts";
import { decodeEntries } from "../../src/filesystem/libc/folder_list.ts";
import { decodeStatus } from "../../src/filesystem/libc/statx.ts";
import { LibcFileSystem } from "../../src/filesystem/libc/libc_file_system.ts";
import { bytes, makeBench, refusedWith, writeEntry } from "../conformance/file_system_suite.ts";
import { rootTest } from "../helpers/as_root.ts";
import { boundByModes } from "../helpers/bound_by_modes.ts";
import { programTest } from "../helpers/programs.ts";

const GIB = 1024 ** 3;
const open = () => new LibcFileSystem();

programTest({
  name: "all fields of the status are those of stat(1)",
  needs: ["stat"],
  fn: ({ stat }) => {
    using bench = makeBench(open);
    const { folder, path } = bench;
    writeEntry(folder, "file", new Uint8Array(70_000).fill(1));
    folder.setMode(bytes("file"), 0o6751);
    folder.setTimes(bytes("file"), { accessedNs: -1_000_000_001n, modifiedNs: 5_000_000_000_000_000_007n });
    folder.makeLink(bytes("link"), bytes("x"));
    folder.makeSpecialFile(bytes("fifo"), { type: "fifo" }, 0o640);
    using dev = bench.files.openRoot(bytes("/dev"));
    using root = bench.files.openRoot(bytes("/"));
    const places = [
      ...["file", "link", "fifo"].map((name) => [folder, name, join(path, name)] as const),
      [dev, "null", "/dev/null"] as const,
      [root, "sys", "/sys"] as const,
    ];
    for (const [holder, name, place] of places) {
      const format = "%a|%u|%g|%s|%b|%h|%i|%d|%t|%T|%.9X|%.9Y|%.9Z|%.9W";
      const said = execFileSync(stat, ["-c", format, place], { encoding: "utf8" }).trim().split("|");
      const status = holder.status(bytes(name))!;
      const special = deviceNumber(parseInt(said[8]!, 16), parseInt(said[9]!, 16));
      const { mode, userId, groupId, size, blocks, links, inode, device } = status;
      const numbers = [userId, groupId, size, blocks, links, inode, device].map(String);
      assert.deepEqual([mode.toString(8), ...numbers], said.slice(0, 8), place);
      assert.equal(status.specialDevice, special);
      const times = [status.accessedNs, status.modifiedNs, status.changedNs, status.createdNs ?? 0n];
      assert.deepEqual(times, said.slice(10).map(nanosecondsOf), place);
    }
  },
});

/** `SECONDS.NANOSECONDS` of stat(1), in which the fraction counts on from the second below, or `-` for none. */
function nanosecondsOf(text: string): bigint {
  if (text === "-") return 0n;
  const [seconds, fraction = "0"] = text.split(".") as [string, string?];
  const sign = text.startsWith("-") ? -1n : 1n;
  return BigInt(seconds) * 1_000_000_000n + sign * BigInt(fraction.padEnd(9, "0"));
}

programTest({
  name: "attributes and access control lists are those of getfattr and setfacl, and come back",
  needs: ["getfattr", "setfattr", "getfacl", "setfacl"],
  fn: ({ getfattr, setfattr, getfacl, setfacl }) => {
    using bench = makeBench(open);
    const { folder, path } = bench;
    for (const name of ["from", "to"]) writeEntry(folder, name, bytes(""));
    execFileSync(setfattr, ["-n", "user.binary", "-v", "0x00ff0a", join(path, "from")]);
    execFileSync(setfacl, ["-m", "u:1234:rwx,g:77:r", join(path, "from")]);
    const attributes = folder.attributes(bytes("from"));
    assert.deepEqual(attributes.map(({ name }) => name), ["system.posix_acl_access", "user.binary"]);
    for (const attribute of attributes) folder.setAttribute(bytes("to"), attribute);
    const said = (program: string, options: string[], name: string) =>
      execFileSync(program, [...options, join(path, name)], { encoding: "utf8" }).replace(/^# file.*$/m, "");
    assert.equal(said(getfacl, ["-pn"], "to"), said(getfacl, ["-pn"], "from"));
    const options = ["-d", "-m", "-", "-e", "hex", "--absolute-names"];
    assert.equal(said(getfattr, options, "to"), said(getfattr, options, "from"));
    assert.match(said(getfattr, options, "to"), /user\.binary=0x00ff0a/);
  },
});

rootTest("links, fifos and devices have attributes of their own", () => {
  using bench = makeBench(open);
  const { folder, path } = bench;
  writeEntry(folder, "target", bytes(""));
  symlinkSync("target", join(path, "link"));
  folder.makeSpecialFile(bytes("fifo"), { type: "fifo" }, 0o600);
  for (const name of ["link", "fifo"]) {
    const attribute = { name: "trusted.agent", value: Uint8Array.of(0, 255) };
    folder.setAttribute(bytes(name), attribute);
    assert.deepEqual(folder.attributes(bytes(name)), [attribute]);
    folder.removeAttribute(bytes(name), "trusted.agent");
    assert.deepEqual(folder.attributes(bytes(name)), []);
  }
  folder.setAttribute(bytes("link"), { name: "trusted.agent", value: bytes("x") });
  assert.deepEqual(folder.attributes(bytes("target")), []);
  using oldFiles = new LibcFileSystem({ hasProc: false });
  using sameFolder = oldFiles.openRoot(bytes(path));
  assert.match(oldFiles.lacks.join(), /attributes of links/);
  assert.deepEqual(sameFolder.attributes(bytes("link")), []);
  const set = () => sameFolder.setAttribute(bytes("link"), { name: "trusted.b", value: bytes("x") });
  assert.throws(set, refusedWith("ENOTSUP"));
});

Deno.test("attributes have values up to what the file system takes, and beyond it the kernel's error", () => {
  using bench = makeBench(open);
  writeEntry(bench.folder, "file", bytes(""));
  const name = bytes("file");
  let largest = 0;
  for (let size = 1; size <= 65_536; size *= 2) {
    const value = new Uint8Array(size).fill(size % 251);
    try {
      bench.folder.setAttribute(name, { name: "user.large", value });
    } catch (error) {
      refusedWith("ENOSPC", "E2BIG", "ERANGE")(error);
      break;
    }
    assert.deepEqual(bench.folder.attributes(name), [{ name: "user.large", value }]);
    largest = size;
  }
  assert.ok(largest >= 1024, `${largest} bytes`);
  const tooLarge = { name: "user.large", value: new Uint8Array(65_537) };
  assert.throws(() => bench.folder.setAttribute(name, tooLarge), refusedWith("E2BIG", "ERANGE", "ENOSPC"));
});

rootTest("devices are made with their numbers", () => {
  using bench = makeBench(open);
  for (const device of [deviceNumber(1, 3), deviceNumber(259, 70_000), deviceNumber(4095, 255)]) {
    for (const type of ["character-device", "block-device"] as const) {
      bench.folder.makeSpecialFile(bytes("device"), { type, device }, 0o600);
      const status = bench.folder.status(bytes("device"))!;
      assert.deepEqual([status.type, status.specialDevice], [type, device]);
      bench.folder.removeFile(bytes("device"));
    }
  }
});

Deno.test("4 GiB of nothing are one hole, and data in it is found and written", () => {
  using bench = makeBench(open);
  const number = openSync(join(bench.path, "sparse"), "w");
  ftruncateSync(number, 4 * GIB);
  closeSync(number);
  using file = bench.folder.openFileToRepair(bytes("sparse"));
  assert.equal(file.status().size, 4 * GIB);
  assert.equal(file.nextData(0), null);
  file.write(bytes("data"), 3 * GIB + 4096);
  assert.deepEqual(file.nextData(0), { offset: 3 * GIB + 4096, end: 3 * GIB + 8192 });
  assert.equal(file.nextData(3 * GIB + 8192), null);
  const read = new Uint8Array(4);
  assert.equal(file.read(read, 3 * GIB + 4096), 4);
  assert.deepEqual(read, bytes("data"));
  assert.ok(file.status().blocks * 512 < GIB, "the hole takes no space");
});

Deno.test("reading a file and a folder leaves their access times", () => {
  using bench = makeBench(open);
  mkdirSync(join(bench.path, "folder"));
  writeFileSync(join(bench.path, "folder/file"), "content");
  using folder = bench.folder.openFolder(bytes("folder"));
  const old = { accessedNs: 1_000_000_000n, modifiedNs: 2_000_000_000n };
  folder.setTimes(bytes("file"), old);
  bench.folder.setTimes(bytes("folder"), old);
  using file = folder.openFile(bytes("file"));
  assert.equal(file.read(new Uint8Array(10), 0), 7);
  [...folder.list()];
  assert.equal(file.status().accessedNs, old.accessedNs);
  assert.equal(folder.status(bytes("file"))?.accessedNs, old.accessedNs);
  assert.equal(bench.folder.status(bytes("folder"))?.accessedNs, old.accessedNs);
});

Deno.test("a worker thread has file systems of its own", async () => {
  using bench = makeBench(open);
  writeEntry(bench.folder, "file", bytes(""));
  const worker = new Worker(new URL("./listing_worker.ts", import.meta.url).href, { type: "module" });
  const answer = new Promise((resolve) => worker.onmessage = ({ data }) => resolve(data));
  worker.postMessage(bench.path);
  assert.deepEqual(await answer, { names: ["file"], errno: "ENOENT" });
  worker.terminate();
});

programTest({
  name: "a folder that may only be passed through opens, and its list is refused",
  needs: Deno.uid() === 0 ? ["setpriv"] : ["env"],
  fn: (programs) => {
    using bench = makeBench(open);
    mkdirSync(join(bench.path, "closed/inner"), { recursive: true });
    writeFileSync(join(bench.path, "closed/inner/file"), "");
    chmodSync(join(bench.path, "closed"), 0o100);
    const [program, ...options] = boundByModes((programs as Record<string, string>)["setpriv"] ?? "");
    const script = new URL("./closed_folder.ts", import.meta.url).pathname;
    const args = [...options, Deno.execPath(), "run", "-A", "--no-check", script, join(bench.path, "closed")];
    const said = execFileSync(program, args, { encoding: "utf8", env: { ...Deno.env.toObject(), NO_COLOR: "1" } });
    assert.deepEqual(JSON.parse(said), { list: "EACCES", inner: ["file"], inside: "folder", mode: 0o500 });
    chmodSync(join(bench.path, "closed"), 0o700);
  },
});

Deno.test("an answer of statx is read field by field", () => {
  const view = new DataView(new ArrayBuffer(256));
  view.setUint32(0, 0x1fff, true);
  [[16, 3], [20, 4_000_000_000], [24, 5], [128, 8], [132, 300], [136, 4095], [140, 1_048_575]].forEach(([at, value]) =>
    view.setUint32(at!, value!, true)
  );
  view.setUint16(28, 0o104755, true);
  const large: [number, bigint][] = [[32, 2n ** 63n + 1n], [40, 2n ** 40n], [48, 2n ** 33n], [144, 77n]];
  for (const [at, value] of large) view.setBigUint64(at, value, true);
  [[64, -1n], [80, 1n], [96, 2n], [112, 2n ** 34n]].forEach(([at, value]) =>
    view.setBigInt64(Number(at), BigInt(value!), true)
  );
  [64, 80, 96, 112].forEach((at) => view.setUint32(at + 8, 999_999_999, true));
  assert.deepEqual(decodeStatus(new Uint8Array(view.buffer)), {
    type: "file",
    mode: 0o4755,
    userId: 4_000_000_000,
    groupId: 5,
    size: 2 ** 40,
    blocks: 2 ** 33,
    links: 3,
    inode: 2n ** 63n + 1n,
    device: 0xffffffffn,
    specialDevice: 0x10082cn,
    mountId: 77n,
    accessedNs: -1n,
    modifiedNs: 2n ** 34n * 1_000_000_000n + 999_999_999n,
    changedNs: 2_999_999_999n,
    createdNs: 1_999_999_999n,
  });
  view.setUint16(28, 0o004755, true);
  assert.equal(decodeStatus(new Uint8Array(view.buffer)), null);
});

Deno.test("a piece of a list is read entry by entry", () => {
  const piece = new Uint8Array(72);
  const write = (at: number, type: number, name: number[]) => {
    piece.set([24, 0, type, ...name, 0], at + 16);
  };
  write(0, 4, [0x2e]);
  write(24, 4, [0x2e, 0x2e]);
  write(48, 14, [0xff, 0x0a]);
  assert.deepEqual(decodeEntries(piece), [{ name: Uint8Array.of(0xff, 0x0a), type: "unknown" }]);
});

Deno.test("times are cut into seconds and nanoseconds that count forward", () => {
  const limit = 2n ** 62n;
  fc.assert(
    fc.property(fc.bigInt(-limit, limit), (time) => {
      const view = new DataView(encodeTimes({ accessedNs: time, modifiedNs: null }).buffer);
      const fraction = view.getBigInt64(8, true);
      assert.ok(fraction >= 0n && fraction < 1_000_000_000n);
      assert.equal(view.getBigInt64(0, true) * 1_000_000_000n + fraction, time);
      assert.equal(view.getBigInt64(24, true), 0x3ffffffen);
    }),
    { seed: 13 },
  );
});

Deno.test("the tables of machines have the numbers of the kernel's headers", () => {
  const { x86_64, aarch64 } = MACHINES;
  assert.deepEqual([x86_64.open.directory, x86_64.open.noFollow], [0x10000, 0x20000]);
  assert.deepEqual([aarch64.open.directory, aarch64.open.noFollow], [0x4000, 0x8000]);
  const { directory: _1, noFollow: _2, ...shared } = x86_64.open;
  const { directory: _3, noFollow: _4, ...sharedToo } = aarch64.open;
  assert.deepEqual(shared, sharedToo);
  assert.deepEqual(shared, {
    readWrite: 0x2,
    create: 0x40,
    exclusive: 0x80,
    nonBlock: 0x800,
    noAccessTime: 0x40000,
    closeOnExec: 0x80000,
    path: 0x200000,
  });
  assert.deepEqual(aarch64.call, { statx: 291, getdents64: 61, mknodat: 33, openat2: 437, fchmodat2: 452 });
});

Deno.test("opened descriptors are not passed on to programs", () => {
  using bench = makeBench(open);
  writeEntry(bench.folder, "file", bytes(""));
  using file = bench.folder.openFile(bytes("file"));
  void file;
  const flags = [...Deno.readDirSync("/proc/self/fd")].flatMap(({ name }) => {
    try {
      const target = Deno.readLinkSync(`/proc/self/fd/${name}`);
      return target.startsWith(bench.path) ? [readFileSync(`/proc/self/fdinfo/${name}`, "utf8")] : [];
    } catch {
      return []; // The descriptor of this very list.
    }
  });
  assert.equal(flags.length, 2);
  for (const text of flags) assert.ok((parseInt(/flags:\s*(\d+)/.exec(text)![1]!, 8) & 0o2000000) !== 0, text);
});
