/** Backups of files that somebody forged: no command takes one for good, or writes anything where it must not. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { localFiles } from "../../src/cli/process/local_files.ts";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import type { BlobId } from "../../src/base/id.ts";
import type { Node } from "../../src/format/tree/node.ts";
import { initRepository } from "../../src/repository/repository.ts";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import { runInProcess } from "../helpers/command_line.ts";
import { CHEAP_KDF, fakeWorld, noise, PASSWORD } from "../helpers/world.ts";
import { type Forged, FORGED_TIME, TreeForger } from "./forged_trees.ts";

/** Opened once: a library that a test opens must be closed by it. */
const LOCAL = localFiles();
await LOCAL.look();

const text = (content: string) => new TextEncoder().encode(content);

/** A directory that is backed up, a repository in which backups of it are forged, and places for what commands make. */
class Bench {
  readonly path = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "agent-forged-" }));
  readonly source = join(this.path, "source");
  readonly repository = join(this.path, "repo");
  /** A copy of the repository before anything was forged. */
  readonly honestRepository = join(this.path, "honest");
  readonly world = { ...fakeWorld("forged"), randomBytes: systemRandomBytes };
  #forger: TreeForger | undefined;

  static async make(): Promise<Bench> {
    const bench = new Bench();
    await Deno.mkdir(bench.source);
    for (const [name, bytes] of FILES) {
      await Deno.writeFile(join(bench.source, name), bytes);
      await Deno.utime(join(bench.source, name), new Date(FORGED_TIME), new Date(FORGED_TIME));
    }
    const store = openLocalStore(bench.repository, { random: systemRandomBytes });
    const repository = await initRepository(store, PASSWORD, { ...bench.world, kdf: CHEAP_KDF });
    bench.#forger = new TreeForger({ store, repository, world: bench.world }, bench.source);
    assert.equal((await bench.run(["put", "host", bench.source])).exitCode, 0);
    await copyFolder(bench.repository, bench.honestRepository);
    return bench;
  }

  /** Takes away what the case before forged: each command reads all that is there. */
  async clear(): Promise<void> {
    await Deno.remove(this.repository, { recursive: true });
    await copyFolder(this.honestRepository, this.repository);
  }

  get forger(): TreeForger {
    return this.#forger!;
  }

  run(args: readonly string[]) {
    this.world.clock.jump(60_000);
    const env = { AGENT_REPOSITORY: this.repository, AGENT_PASSWORD: PASSWORD };
    return runInProcess(args, { env, world: this.world, files: LOCAL });
  }

  async honest(): Promise<Node[]> {
    return await Promise.all(FILES.map(([name, bytes]) => this.forger.file(name, bytes)));
  }
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(join(from, name), join(to, name));
    else await Deno.copyFile(join(from, name), join(to, name));
  }
}

const FILES = [["a", text("the file a")], ["b", text("the file b, longer")], ["c", noise(100_000, "c")]] as const;

/** How commands must end: with 0, with 4 for damage, or with 6 because something cannot be restored here. */
interface Ends {
  readonly files?: 0 | 4;
  readonly get?: 0 | 4 | 6;
  readonly sums?: 0 | 4;
  /** `verify`, and `check --read-data`. */
  readonly verify?: 0 | 4;
  /** `verify` of the next backup, which always succeeds. */
  readonly next?: 0 | 4;
  /** Whether listing and restoring it would take for ever, so that nobody tries. */
  readonly isEndless?: boolean;
  /** What `verify` says. */
  readonly says?: RegExp;
}

interface Case extends Ends {
  readonly name: string;
  readonly forge: (bench: Bench, honest: readonly Node[]) => Promise<Forged> | Forged;
}

/** A forged text of the tree that the decoder refuses. */
function malformed(name: string, from: string | RegExp, to: string, says: RegExp): Case {
  const forge = () => ({ text: (text: string) => text.replace(from, to) });
  return { name, forge, files: 4, get: 4, verify: 4, says };
}

/** A forged list of digests. */
function listed(name: string, list: (honest: string) => string, says: RegExp, ends: Ends = {}): Case {
  return { name, forge: () => ({ list }), sums: 4, verify: 4, says, ...ends };
}

const OTHER_DIGESTS = (list: string) => list.replace(/^\S+ \S+/, `${"0".repeat(32)} ${"1".repeat(64)}`);

const CASES: readonly Case[] = [
  { name: "nothing is forged", forge: () => ({}) },
  listed("a list in another order", (list) => list.split(/(?<=\n)/).toReversed().join(""), /not in order at/),
  listed("a list that lacks a file", (list) => list.slice(list.indexOf("\n") + 1), /a": it is not in the list/),
  listed("an empty list", () => "", /a": it is not in the list/),
  listed(
    "a list of a file that is not there",
    (list) => `${list}- - zzz\n`,
    /zzz": it is in the list of digests and not/,
  ),
  listed(
    "a list of bytes that are no UTF-8",
    (list) => `${list}- - \udcff\udcfe\n`,
    /it is in the list of digests and not/,
  ),
  listed("a list of other digests", OTHER_DIGESTS, /it has the MD5 .*, its list says 0000/, { sums: 0, next: 4 }),
  listed("a list with a line of 2 MB", (list) => `- - ${"x".repeat(2_000_000)}\n${list}`, /a line is too long/),
  listed("a list that breaks off", (list) => list.slice(0, -1), /its last line is not whole/),
  listed("a list of rubbish", () => "\0".repeat(500), /its last line is not whole/),
  listed("a list of rubbish lines", () => "\0\n".repeat(500), /not a line of digests/),
  {
    name: "a list that is not that of the manifest",
    forge: () => ({ list: (list) => list.replace(/^\S+/, "0".repeat(32)), keepsListDigests: true }),
    sums: 4,
    verify: 4,
    next: 4,
    says: /host.digests": it has \d+ bytes with the MD5 .*; its manifest says/,
  },
  {
    name: "too many files in the manifest",
    forge: () => ({ tree: (tree) => ({ ...tree, files: 10 ** 15 }) }),
    sums: 4,
    verify: 4,
    says: /"host": it holds 3 files .*; its manifest says 1000000000000000 files/,
  },
  {
    name: "too few directories in the manifest",
    forge: () => ({ tree: (tree) => ({ ...tree, directories: 0, others: 9 }) }),
    verify: 4,
    says: /"host": it holds more than its manifest says, which is 3 files of \d+ bytes, 0 directories, and 9 others/,
  },
  {
    name: "another tree in the manifest",
    forge: () => ({ tree: (tree) => ({ ...tree, root: "0".repeat(64) as BlobId }) }),
    verify: 4,
    says: /its manifest says that its files are tree 0{64}; they are/,
  },
  malformed("the name ..", '"name":"a"', '"name":".."', /a name that no directory can hold/),
  malformed("a name with slashes", '"name":"a"', '"name":"a/../../../x"', /a name that no directory can hold/),
  malformed("an empty name", '"name":"a"', '"name":""', /a name that no directory can hold/),
  malformed("an unknown type", '"type":"file"', '"type":"door"', /an unknown type of node/),
  malformed("2^53 + 1 links", '"size":10', '"size":10,"links":9007199254740993', /expected an integer of at most/),
  malformed("a device beyond 64 bits", '"size":10', '"device_id":36893488147419103232', /an integer below 2\^64/),
  malformed("a time of the year 9999999", FORGED_TIME, "9999999-01-01T00:00:00Z", /not an RFC 3339 time/),
  { ...malformed("a name twice", '"name":"b"', '"name":"a"', /a": it is not in the list/), files: 0 },
  { ...malformed("names in another order", '"name":"a"', '"name":"x"', /a": it is in the list/), files: 0, get: 0 },
  { ...malformed("a wrong size", '"size":10', '"size":11', /it is shorter than the 11 bytes/), files: 0 },
  { ...malformed("a size too small", '"size":10', '"size":9', /it is longer than the 9 bytes/), files: 0 },
  { ...malformed("no content", /"content":\[[^\]]*\]/, '"content":null', /has no content list/), files: 0 },
  { ...malformed("unknown content", /"content":\["..../, '"content":["0123', /no index lists it/), files: 0 },
  {
    ...malformed("no type of file", '"type":"file"', '"type":"irregular"', /it holds more than its manifest says/),
    files: 0,
    get: 6,
  },
  {
    name: "the content of another file",
    forge: (_, honest) => ({ nodes: () => [{ ...honest[0]!, content: honest[1]!.content }, ...honest.slice(1)] }),
    get: 4,
    verify: 4,
    next: 4,
    says: /it is longer than the 10 bytes it must have/,
  },
  {
    name: "a name of 300 bytes",
    forge: (_, honest) => ({ nodes: () => [{ ...honest[0]!, name: "a".repeat(300) }, ...honest.slice(1)] }),
    get: 6,
    verify: 4,
    says: /a": it is in the list of digests and not in the tree/,
  },
  {
    name: "very many links",
    forge: () => ({ text: (text) => text.replace('"size":10', '"inode":5,"size":10,"links":4503599627370496') }),
  },
  {
    name: "directories 2,100 deep",
    forge: async ({ forger }) => withFolder(forger.folder("deep", await forger.nested(2_100, ["d"])), 2_101),
    files: 4,
    get: 4,
    verify: 4,
    says: /directories more than 2048 deep/,
  },
  {
    name: "directories that stand for 2^40 others",
    forge: async ({ forger }) => withFolder(forger.folder("wide", await forger.nested(40, ["d", "e"])), 1),
    isEndless: true,
    verify: 4,
    says: /it holds more than its manifest says/,
  },
];

/** A forged backup that holds a directory, of which the manifest counts so many directories. */
function withFolder(folder: Node, directories: number): Forged {
  return {
    nodes: (honest) => [...honest, folder],
    tree: (tree) => ({ ...tree, directories: tree.directories + directories }),
  };
}

const BENCH = await Bench.make();
globalThis.addEventListener("unload", () => Deno.removeSync(BENCH.path, { recursive: true }));

for (const { name, forge, says, ...ends } of CASES) {
  Deno.test(`a forged backup of files is never taken for good: ${name}`, async () => {
    await BENCH.clear();
    const honest = await BENCH.honest();
    await BENCH.forger.forge(honest, await forge(BENCH, honest));
    const target = join(BENCH.path, crypto.randomUUID());
    const told: string[] = [];
    const assertEnds = async (args: readonly string[], expected: number) => {
      const { exitCode, stdout, stderr } = await BENCH.run(args);
      const text = `agent ${args.join(" ")}: ${(stdout + stderr).slice(0, 2000)}`;
      assert.equal(exitCode, expected, text);
      assert.doesNotMatch(stderr, /fault of the program/, text);
      told.push(stdout + stderr);
    };
    if (!ends.isEndless) {
      await assertEnds(["files", "host"], ends.files ?? 0);
      await assertEnds(["get", "host", "--target", target], ends.get ?? 0);
    }
    await assertEnds(["show", "host", "--md5sums"], ends.sums ?? 0);
    await assertEnds(["verify", "host"], ends.verify ?? 0);
    if (says !== undefined) assert.match(told.at(-1)!, says);
    await assertEnds(["check", "--read-data"], ends.verify ?? 0);
    await assertEnds(["put", "host", BENCH.source, "--ignore-inode", "--ignore-ctime"], 0);
    await assertEnds(["verify", "host"], ends.next ?? 0);
    await Deno.remove(target, { recursive: true }).catch(() => {});
    assert.deepEqual(namesIn(BENCH.path), ["honest", "repo", "source"], "nothing is written outside of the target");
    assert.deepEqual(namesIn(BENCH.source), ["a", "b", "c"]);
  });
}

function namesIn(directory: string): string[] {
  return [...Deno.readDirSync(directory)].map(({ name }) => name).sort();
}
