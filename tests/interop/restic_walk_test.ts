/** Backups of real files beside those of restic: the same nodes, the same restores, and neither reads again what the other has. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import { filesSource } from "../../src/engine/files/files_source.ts";
import { openFileSystem } from "../../src/filesystem/open_file_system.ts";
import { parseSeries } from "../../src/format/manifest/series.ts";
import type { Node } from "../../src/format/tree/node.ts";
import { timestampToNanoseconds } from "../../src/format/time.ts";
import { put, type PutResult } from "../../src/ops/put.ts";
import { loadIndex } from "../../src/repository/index/index_files.ts";
import { openRepository } from "../../src/repository/repository.ts";
import { findNode, readTree, subtreeOf } from "../../src/repository/tree/trees.ts";
import type { BlobId } from "../../src/base/id.ts";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import { filesRequest, threadHere } from "../engine/files/files_trial.ts";
import { runAgentHere } from "../helpers/agent_here.ts";
import { type Sandbox, sandbox } from "../helpers/executable.ts";
import { programTest } from "../helpers/programs.ts";
import { Restic, resticTest } from "../helpers/restic.ts";
import { accessTo, BytesSource, type FakeWorld, fakeWorld, putRequest } from "../helpers/world.ts";

runAgentHere();

const SERIES = parseSeries("etc/host");
const HOST = putRequest(new BytesSource(new Uint8Array(0))).host;
/** Without it, restic records the device of every entry, so that all trees change when a disk gets another number. */
const AS_WE_DO = { env: { RESTIC_FEATURES: "device-id-for-hardlinks=true" } };

/** A directory with everything that is odd; of devices and owners what this user may make. */
function oddFiles(box: Sandbox, name = "source"): string {
  const top = box.join(name);
  const script = `
import os, stat, sys
os.mkdir(sys.argv[1]); os.chdir(os.fsencode(sys.argv[1]))
def write(name, content):
  with open(name, "wb") as file: file.write(content)
write(b"new\\nline", b"x"); write(b"bad\\xff\\xfe", b"yy"); write(b"n" * 255, b"z"); write(b"empty", b"")
for name in (b"d1", b"d2", b"none", b"sticky"): os.mkdir(name)
write(b"d1/a", b"link" * 100); os.link(b"d1/a", b"d2/b"); os.link(b"d1/a", b"zlink")
write(b"big", os.urandom(3 << 20)); os.link(b"big", b"d2/big")
os.mkfifo(b"fifo"); write(b"suid", b"s"); os.chmod(b"suid", 0o6755); os.chmod(b"sticky", 0o1777)
os.symlink(b"tar\\xffget", b"badlink"); os.symlink(b"d1/a", b"link"); os.symlink(b"nowhere", b"d1/dangling")
os.setxattr(b"suid", b"user.comment", b"val\\0ue"); os.setxattr(b"d1", b"user.empty", b"")
write(b"old", b"o"); os.utime(b"old", ns=(-1234567890123, -5000000001))
os.utime(b"link", ns=(5, 7), follow_symlinks=False)
with open("sparse", "wb") as file: file.truncate(40 << 20); file.seek(20 << 20); file.write(b"middle")
os.mkdir("é"); write("é/\\U0001F600".encode(), b"q"); write("é/\\uffee".encode(), b"r")
if os.getuid() == 0:
  os.mknod(b"chr", 0o600 | stat.S_IFCHR, os.makedev(5, 300)); os.mknod(b"blk", 0o660 | stat.S_IFBLK, os.makedev(259, 70000))
  os.chown(b"empty", 12345, 54321); os.setxattr(b"link", b"trusted.x", b"y", follow_symlinks=False)
`;
  execFileSync("python3", ["-c", script, top]);
  execFileSync("setfacl", ["-m", "u:1000:rwx", join(top, "none")]);
  execFileSync("setfacl", ["-d", "-m", "u:1000:rwx", join(top, "d2")]);
  return top;
}

/** Puts of real files into the repository of a box. */
class Putter {
  readonly #box: Sandbox;
  readonly #world: FakeWorld = { ...fakeWorld(), randomBytes: systemRandomBytes };

  constructor(box: Sandbox) {
    this.#box = box;
  }

  async put(root: string, series = SERIES): Promise<PutResult> {
    this.#world.clock.jump(3_600_000);
    const driven = filesSource(filesRequest([root]), { startThread: () => threadHere(openFileSystem) });
    const request = { ...putRequest(new BytesSource(new Uint8Array(0)), { series }), input: { driven } };
    return await put(accessTo(this.#store(), await this.#password()), request, { world: this.#world });
  }

  async repository() {
    const password = await this.#password();
    const repository = await openRepository(this.#store(), { password, randomBytes: systemRandomBytes });
    return { ...repository, index: await loadIndex(repository.files) };
  }

  #store() {
    return openLocalStore(this.#box.repo, { random: systemRandomBytes });
  }

  async #password(): Promise<string> {
    return (await Deno.readTextFile(this.#box.join("password"))).trimEnd();
  }
}

type Repository = Awaited<ReturnType<Putter["repository"]>>;

/** All nodes below a tree, by path, with times as moments and attributes sorted: restic has those of its list. */
async function nodesBelow(repository: Repository, tree: BlobId, path = ""): Promise<Record<string, unknown>> {
  const nodes: Record<string, unknown> = {};
  for (const node of await readTree(repository, tree)) {
    nodes[`${path}/${node.name}`] = comparable(node);
    if (node.subtree !== null) Object.assign(nodes, await nodesBelow(repository, node.subtree, `${path}/${node.name}`));
  }
  return nodes;
}

function comparable({ mtime, atime, ctime, extendedAttributes, subtree, content, ...node }: Node) {
  return {
    ...node,
    // A fifo has no links, so that even with that feature restic keeps its device.
    deviceId: node.type === "fifo" ? 0n : node.deviceId,
    times: [mtime, atime, ctime].map(timestampToNanoseconds),
    attributes: extendedAttributes.toSorted((a, b) => a.name < b.name ? -1 : 1),
    isDirectory: subtree !== null,
    hasContent: content !== null && content.length > 0,
  };
}

programTest({
  name: "every entry has the node that restic writes",
  needs: ["restic-newest"],
  fn: async (programs) => {
    await using box = await sandbox();
    const restic = await Restic.in(box, programs["restic-newest"]);
    const top = oddFiles(box);
    const putter = new Putter(box);
    const result = await putter.put(top);
    assert.deepEqual(result.problems, []);
    await restic.ok(["backup", top, "--force"], AS_WE_DO);
    const [, theirs] = await restic.snapshots();
    const repository = await putter.repository();
    const ours = await findNode(repository, result.backup.snapshot.tree, `etc/host${top}`);
    const names = await findNode(repository, theirs!.tree as BlobId, top.slice(1));
    assert.deepEqual(await nodesBelow(repository, subtreeOf(ours!)), await nodesBelow(repository, subtreeOf(names!)));
    assert.deepEqual({ ...comparable(ours!) }, { ...comparable(names!) });
    assert.equal(Object.keys(await nodesBelow(repository, subtreeOf(ours!))).length > 20, true);
  },
});

programTest({
  name: "what restic restores of ours is the source",
  needs: ["restic-newest", "rsync"],
  fn: async (programs) => {
    await using box = await sandbox();
    const restic = await Restic.in(box, programs["restic-newest"]);
    const top = oddFiles(box);
    const putter = new Putter(box);
    await putter.put(top);
    const target = box.join("restored");
    await restic.ok(["restore", "latest", "--target", target]);
    const restored = join(target, "etc/host", top);
    assert.equal(rsyncDifferences(top, restored), "");
    const bare = box.join("bare");
    await restic.ok(["restore", `latest:/${SERIES}`, "--target", bare]);
    assert.equal(rsyncDifferences(top, join(bare, top)), "", "without the series in front");
    await restic.check();
  },
});

programTest({
  name:
    "restic goes on from our backup through a link named like the series, and we from its snapshot: neither reads a file",
  needs: ["restic-newest"],
  fn: async (programs) => {
    await using box = await sandbox();
    const restic = await Restic.in(box, programs["restic-newest"]);
    const top = oddFiles(box);
    const putter = new Putter(box);
    const first = await putter.put(top);
    // restic looks the parent's files up by the paths that it is given, and ours begin with the series. A relative path
    // is kept as it is given; it begins in the directory of the sandbox.
    execFileSync("mkdir", ["-p", box.join("etc")]);
    execFileSync("ln", ["-s", "/", box.join(SERIES)]);
    const backUp = async (path: string, options: readonly string[]) => {
      const lines = (await restic.ok(["backup", path, "--host", HOST, "--json", ...options])).split("\n");
      const { files_new, files_changed, files_unmodified, data_blobs } = lines.flatMap((line) => {
        const message = line === "" ? {} : JSON.parse(line);
        return message.message_type === "summary" ? [message] : [];
      })[0];
      return { files_new, files_changed, files_unmodified, data_blobs };
    };
    const files = first.tree!.files.new;
    const unread = { files_new: 0, files_changed: 0, files_unmodified: files, data_blobs: 0 };
    const parent = ["--parent", first.backup.snapshotId];
    assert.deepEqual(await backUp(`${SERIES}${top}`, parent), unread, "by our paths, with inode and ctime");
    assert.deepEqual(await backUp(`${SERIES}${top}`, []), unread, "and from then on by itself");
    const { files_unmodified, ...read } = await backUp(top, parent);
    assert.deepEqual([files_unmodified, read.files_new], [0, files], "by its own paths it finds nothing in ours");
    const other = await putter.put(top, parseSeries("other"));
    assert.equal(other.manifest.stats.bytesRead, 0, "while we find all of its snapshot, which has the PATH itself");
    await restic.check();
    await box.ok(["check", "--read-data"]);
  },
});

resticTest("what a snapshot of restic has is not read", async (program) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  const top = oddFiles(box);
  await restic.ok(["backup", top, "--host", HOST]);
  const result = await new Putter(box).put(top);
  assert.deepEqual(result.problems, []);
  assert.equal(result.manifest.stats.bytesRead, 0);
});

/** What rsync would change, to the nanosecond, with hard links, access control lists and attributes. */
function rsyncDifferences(source: string, target: string): string {
  const args = [
    "-aHAXn",
    "--delete",
    "--itemize-changes",
    "--modify-window=-1",
    "--checksum",
    `${source}/`,
    `${target}/`,
  ];
  return execFileSync("rsync", args, { encoding: "utf8" });
}
