import assert from "node:assert/strict";
import fc from "fast-check";
import { BugError } from "../../../src/base/errors.ts";
import type { ArchiveMember } from "../../../src/format/archive/member.ts";
import { TAR_BLOCK_BYTES, tarEnd, tarHeader, tarPadding } from "../../../src/format/archive/tar_header.ts";
import { bytesOfByteString, byteStringOf } from "../../../src/format/byte_string.ts";
import { formatNanoseconds, timestampToNanoseconds } from "../../../src/format/time.ts";
import { GoFileMode, unixPermissions } from "../../../src/format/tree/file_mode.ts";
import { isNodeName, makeNode, type Node, NODE_TYPES } from "../../../src/format/tree/node.ts";
import { concat, noise } from "../../helpers/world.ts";
import { programTest } from "../../helpers/programs.ts";
import { byteString, node } from "../arbitraries.ts";
import { checkProperty, utf8 } from "../codec_checks.ts";
import { readHeader, readTar } from "./tar_reader.ts";

const FLAGS: Readonly<Record<string, string>> = {
  file: "0",
  symlink: "2",
  chardev: "3",
  dev: "4",
  dir: "5",
  fifo: "6",
};

const member: fc.Arbitrary<ArchiveMember> = fc.record({
  path: fc.array(byteString.filter(isNodeName), { minLength: 1, maxLength: 4 }).map((names) => names.join("/"))
    .map((path) => byteStringOf(bytesOfByteString(path))).filter((path) => !path.includes("\0")),
  node: fc.tuple(node, fc.constantFrom(...NODE_TYPES.filter((type) => type in FLAGS))).map(([node, type]) => ({
    ...node,
    type,
    linkTarget: node.linkTarget.replaceAll("\0", ""),
    user: node.user.replaceAll("\0", ""),
    group: node.group.replaceAll("\0", ""),
    extendedAttributes: node.extendedAttributes.slice(0, 1).filter(({ name }) => !name.includes("\0")),
  })),
  linkTo: fc.option(byteString.filter(isNodeName)),
});

function assertSame(read: ReturnType<typeof readHeader>, { path, node, linkTo }: ArchiveMember): void {
  const isLink = linkTo !== null;
  assert.deepEqual(read.path, bytesOfByteString(node.type === "dir" ? `${path}/` : path));
  assert.equal(read.flag, isLink ? "1" : FLAGS[node.type]);
  assert.equal(read.mode, unixPermissions(node.mode));
  assert.deepEqual([read.uid, read.gid], [node.uid, node.gid]);
  assert.deepEqual([read.user, read.group], [utf8(node.user), utf8(node.group)]);
  assert.equal(read.size, !isLink && node.type === "file" ? node.size : 0);
  assert.equal(nanosecondsOf(read.mtime), timestampToNanoseconds(node.mtime));
  const target = linkTo ?? (node.type === "symlink" ? node.linkTarget : "");
  assert.deepEqual(read.linkPath, bytesOfByteString(target));
  if (!isLink && (node.type === "dev" || node.type === "chardev")) {
    const { deviceMajor: major, deviceMinor: minor } = read;
    const device = (minor & 0xffn) | (major & 0xfffn) << 8n | (minor & ~0xffn) << 12n | (major & ~0xfffn) << 32n;
    assert.equal(device, node.device);
  }
  const attributes = isLink ? [] : node.extendedAttributes;
  assert.deepEqual(read.attributes, attributes.map(({ name, value }) => [name, value ?? new Uint8Array()]));
}

function nanosecondsOf(decimal: string): bigint {
  const [, sign, seconds, fraction = ""] = /^(-?)(\d+)(?:\.(\d{1,9}))?$/.exec(decimal)!;
  const size = BigInt(seconds!) * 10n ** 9n + BigInt(fraction.padEnd(9, "0"));
  return sign === "-" ? -size : size;
}

Deno.test("any member comes back from its header", () => {
  checkProperty(
    fc.property(member, (member) => {
      const header = tarHeader(member);
      assert.equal(header.length % TAR_BLOCK_BYTES, 0);
      assertSame(readHeader(header), member);
      assert.deepEqual(tarHeader(member), header, "the same bytes every time");
    }),
    500,
  );
});

const file = (fields: Partial<Node> & { path?: string }): ArchiveMember => ({
  path: fields.path ?? "f",
  node: makeNode({ name: "f", type: "file", mode: 0o644, mtime: formatNanoseconds(0n), ...fields }),
  linkTo: null,
});

Deno.test("what fits has no extended header; what does not has one, at the exact border", () => {
  const blocks = (member: ArchiveMember) => tarHeader(member).length / TAR_BLOCK_BYTES;
  const seconds = (count: bigint) => formatNanoseconds(count * 10n ** 9n);
  for (
    const [fits, larger] of [
      [{ path: "n".repeat(100) }, { path: "n".repeat(101) }],
      [{ path: "plain" }, { path: "\u00fc" }],
      [{ size: 8 ** 11 - 1 }, { size: 8 ** 11 }],
      [{ uid: 8 ** 7 - 1, gid: 8 ** 7 - 1 }, { uid: 8 ** 7 }],
      [{ user: "u".repeat(32) }, { user: "u".repeat(33) }],
      [{ group: "g".repeat(32) }, { group: "gr\u00fcppe" }],
      [{ mtime: seconds(8n ** 11n - 1n) }, { mtime: seconds(8n ** 11n) }],
      [{ mtime: seconds(1n) }, { mtime: formatNanoseconds(1n) }],
      [{ mtime: seconds(0n) }, { mtime: formatNanoseconds(-1n) }],
    ] as const
  ) {
    assert.equal(blocks(file(fits)), 1, JSON.stringify(fits));
    assert.equal(blocks(file(larger)), 3, JSON.stringify(larger));
    for (const fields of [fits, larger]) assertSame(readHeader(tarHeader(file(fields))), file(fields));
  }
});

Deno.test("a record counts its own digits, whatever its length", () => {
  for (let length = 60; length < 1100; length++) {
    const member = file({ path: "p".repeat(length + 41) });
    assertSame(readHeader(tarHeader(member)), member);
  }
});

Deno.test("a missing time is 1970, and the bits above the permissions are Unix's", () => {
  const { mtime, mode } = readHeader(tarHeader({
    path: "d",
    node: makeNode({ name: "d", type: "dir", mode: GoFileMode.dir + GoFileMode.sticky + GoFileMode.setgid + 0o751 }),
    linkTo: null,
  }));
  assert.deepEqual([mtime, mode], ["0", 0o3751]);
});

Deno.test("attributes have their bytes, and names that no keyword could hold are written as GNU tar does", () => {
  const extendedAttributes = [
    { name: "user.a=b%c", value: Uint8Array.from({ length: 256 }, (_, i) => i) },
    { name: "user.%3D", value: utf8("=\n") },
    { name: "user.none", value: null },
  ];
  const member = file({ extendedAttributes });
  const header = tarHeader(member);
  assertSame(readHeader(header), member);
  assert.ok(new TextDecoder("latin1").decode(header).includes(" SCHILY.xattr.user.a%3Db%25c=\0\x01"));
});

Deno.test("sockets have no header", () => {
  assert.throws(() => tarHeader(file({ type: "socket" })), BugError);
});

Deno.test("the end fills a record of twenty blocks and has two at least", () => {
  checkProperty(fc.property(fc.nat(200), (blocks) => {
    const end = tarEnd(blocks * TAR_BLOCK_BYTES);
    assert.ok(end.length >= 1024 && end.length < 1024 + 10_240 && end.every((byte) => byte === 0));
    assert.equal((blocks * TAR_BLOCK_BYTES + end.length) % 10_240, 0);
  }));
  assert.deepEqual([0, 1, 511, 512, 513].map((bytes) => tarPadding(bytes).length), [0, 511, 1, 0, 511]);
});

/** An archive in memory; contents are noise. */
function archiveOf(members: readonly ArchiveMember[]): Uint8Array<ArrayBuffer> {
  const pieces = members.flatMap((member) => {
    const { node: { type, size }, linkTo } = member;
    const bytes = type === "file" && linkTo === null ? size : 0;
    return [tarHeader(member), noise(bytes, member.path), tarPadding(bytes)];
  });
  return concat([...pieces, tarEnd(concat(pieces).length)]);
}

programTest({
  name: "GNU tar lists the names of any members byte for byte",
  needs: ["tar"],
  async fn({ tar }) {
    const members = fc.sample(member, { seed: 5, numRuns: 300 }).map((member) => ({
      ...member,
      // GNU tar takes no device numbers of 32 bits.
      node: { ...member.node, size: member.node.size % 2000, device: member.node.device % 2n ** 40n },
    }));
    const archive = archiveOf(members);
    assert.deepEqual(readTar(archive).map(({ path }) => path), members.map(nameOf));
    for (const LC_ALL of ["C", "C.UTF-8"]) {
      const child = new Deno.Command(tar, {
        args: ["--list", "--absolute-names", "--quoting-style=literal", "--file=-"],
        env: { LC_ALL },
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const writer = child.stdin.getWriter();
      await writer.write(archive);
      await writer.close();
      const { code, stdout, stderr } = await child.output();
      assert.equal(code, 0, new TextDecoder().decode(stderr));
      const names = members.flatMap((member) => [nameOf(member), utf8("\n")]);
      assert.deepEqual(stdout, concat(names), LC_ALL);
    }
  },
});

function nameOf({ path, node: { type } }: ArchiveMember): Uint8Array {
  return bytesOfByteString(type === "dir" ? `${path}/` : path);
}
