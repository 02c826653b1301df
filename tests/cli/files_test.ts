/** What people and programs see of backups of files: listing, finding, comparing, and checksums that prove a restore. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ExitCode } from "../../src/base/errors.ts";
import { checksumLine } from "../../src/cli/report/files/checksum_lines.ts";
import { LongFormat } from "../../src/cli/report/files/entry_text.ts";
import { modeText } from "../../src/cli/report/files/mode_text.ts";
import { GoFileMode } from "../../src/format/tree/file_mode.ts";
import { makeNode } from "../../src/format/tree/node.ts";
import { bytesOfByteString } from "../../src/format/byte_string.ts";
import { systemClock } from "../../src/base/clock.ts";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import { loadIndex } from "../../src/repository/index/index_files.ts";
import { openRepository } from "../../src/repository/repository.ts";
import { loadSnapshots, type StoredSnapshot } from "../../src/repository/snapshots.ts";
import { findNode, subtreeOf } from "../../src/repository/tree/trees.ts";
import { openStore } from "../../src/store/built_in.ts";
import { saveSnapshot } from "../helpers/snapshots.ts";
import { type Tree, TreeEngine } from "../engine/tree_engine.ts";
import { runInProcess } from "../helpers/command_line.ts";
import { programTest } from "../helpers/programs.ts";
import { CHEAP_KDF, type FakeWorld, fakeWorld } from "../helpers/world.ts";

const HOUR_MS = 3_600_000;
const text = (content: string) => new TextEncoder().encode(content);

const FIRST: Tree = {
  etc: {
    passwd: text("root"),
    "line\nbreak": text("1"),
    "back\\slash": text("2"),
    "return\r": text("3"),
    "raw\udcff": text("4"),
    empty: text(""),
    link: "passwd",
    conf: { "a.conf": text("a") },
  },
  "-": text("a dash"),
};

/** A repository in a folder, and an engine whose tree is put into it. */
class Scene implements AsyncDisposable {
  readonly engine = new TreeEngine(FIRST);
  readonly #world: FakeWorld & { readonly kdf: typeof CHEAP_KDF } = { ...fakeWorld("files"), kdf: CHEAP_KDF };

  private constructor(readonly directory: string) {}

  static async make(tree = FIRST): Promise<Scene> {
    const scene = new Scene(await Deno.makeTempDir({ prefix: "agent-files-" }));
    scene.engine.tree = tree;
    await scene.run("init");
    await scene.put();
    return scene;
  }

  run(...args: string[]) {
    this.#world.clock.jump(HOUR_MS);
    return runInProcess(args, {
      env: { AGENT_REPOSITORY: join(this.directory, "repo"), AGENT_PASSWORD: "x" },
      world: this.#world,
      engines: this.engine.registry(),
    });
  }

  /** From here on the source has a problem. */
  lose(problem: string): void {
    const source = this.engine.source.bind(this.engine);
    this.engine.source = () => {
      const plain = source();
      const open: typeof plain.open = async (request) => {
        const opened = await plain.open(request);
        return { ...opened, finish: async () => ({ ...await opened.finish(), problems: [problem] }) };
      };
      return { ...plain, open };
    };
  }

  async put(): Promise<void> {
    const { exitCode, stderr } = await this.run("put", "etc/host", "files:/");
    assert.equal(exitCode, 0, stderr);
  }

  async ok(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(...args);
    assert.equal(exitCode, 0, stderr);
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}

async function write(directory: string, tree: Tree): Promise<void> {
  for (const [name, node] of Object.entries(tree)) {
    // Deno's own calls take no bytes that are not UTF-8.
    if (!name.isWellFormed()) continue;
    const path = join(directory, name);
    if (node instanceof Uint8Array) await Deno.writeFile(path, node);
    else if (typeof node !== "string") {
      await Deno.mkdir(path);
      await write(path, node);
    }
  }
}

programTest({
  name: "md5sum -c and sha256sum -c prove a restore with the lists of show",
  needs: ["md5sum", "sha256sum"],
  async fn(programs) {
    await using scene = await Scene.make();
    const { ["etc" as const]: etc, ...others } = FIRST;
    const { "raw\udcff": _, ...named } = etc as Tree;
    scene.engine.tree = { ...others, etc: named };
    await scene.put();
    const target = join(scene.directory, "target");
    await Deno.mkdir(target);
    await write(target, scene.engine.tree);
    for (const program of ["md5sum", "sha256sum"] as const) {
      const list = join(scene.directory, program);
      await Deno.writeTextFile(list, await scene.ok("show", "etc/host", `--${program}s`));
      const check = async () => {
        const options = { args: ["--check", "--strict", list], cwd: target };
        const { code, stdout } = await new Deno.Command(programs[program], options).output();
        return { code, lines: new TextDecoder().decode(stdout).trim().split("\n").length };
      };
      assert.deepEqual(await check(), { code: 0, lines: 7 }, program);
      await Deno.writeFile(join(target, "etc/conf/a.conf"), text("b"));
      assert.equal((await check()).code, 1);
      await Deno.writeFile(join(target, "etc/conf/a.conf"), text("a"));
    }
  },
});

/** What `show` says of the only backup. */
async function showOnly(scene: Scene): Promise<string[]> {
  const { id } = JSON.parse(await scene.ok("ls", "--json"));
  return (await scene.ok("show", `@${id}`)).trimEnd().split("\n");
}

/** Makes the only backup look as if restic had made it: the tree without the series and the lists beside it. */
async function giveToRestic({ directory }: Scene, recordedFiles: number | null = null): Promise<void> {
  const dependencies = { random: systemRandomBytes, clock: systemClock, env: () => undefined };
  const store = await openStore(join(directory, "repo"), dependencies);
  const repository = await openRepository(store, { password: "x", randomBytes: systemRandomBytes });
  const [{ id, snapshot }] = (await loadSnapshots(repository.files)).snapshots as [StoredSnapshot];
  const indexed = { ...repository, index: await loadIndex(repository.files) };
  const tree = subtreeOf((await findNode(indexed, snapshot.tree, "etc/host"))!);
  const programVersion = "restic 0.17.3";
  const summary = recordedFiles === null ? null : { ...snapshot.summary!, totalFilesProcessed: recordedFiles };
  const foreign = { agent: null, parent: null, paths: ["/"], programVersion, tree, summary };
  await saveSnapshot(repository.files, { ...snapshot, ...foreign });
  await store.remove({ kind: "snapshot", name: id });
  await store.close();
}

Deno.test("put --json counts the entries of a tree as its summary does", async () => {
  await using scene = await Scene.make();
  scene.engine.tree = { ...FIRST, "-": text("another dash"), fresh: text("!") };
  const { tree, files } = JSON.parse(await scene.ok("put", "etc/host", "files:/", "--json"));
  assert.deepEqual(files, []);
  assert.deepEqual(tree, {
    files: { new: 1, changed: 1, unmodified: 7 },
    directories: { new: 0, changed: 0, unmodified: 2 },
    others: 1,
    bytes: 22,
  });
});

Deno.test("files count as good without a guard, in part or not, unless there is none", async () => {
  await using scene = await Scene.make();
  const shownBy = async (...args: string[]) => (await scene.ok(...args)).trimEnd().split("\n").at(-1)!;
  assert.match(await shownBy("ls"), / all read +-$/);
  assert.match(await shownBy("status"), / ok$/);
  assert.match(await shownBy("chain", "etc/host"), / all read +fit$/);
  assert.match(await scene.ok("show", "etc/host"), /^read +15 B$[^]*^source +all read$/m);
  const unchanged = await scene.run("put", "etc/host", "files:/");
  assert.match(
    unchanged.stderr,
    /^ {2}files: 8 unmodified; directories: 2 unmodified\n {2}nothing had to be read, [^;]*$/m,
  );
  const shown = await scene.ok("show", "etc/host");
  assert.match(shown, /^read +nothing of 15 B\nstored/m);
  scene.lose("/etc/shadow: permission denied");
  assert.equal((await scene.run("put", "etc/host", "files:/")).exitCode, ExitCode.partial);
  assert.match(await shownBy("ls"), / in part +-$/);
  assert.match(await shownBy("status"), / {2}in part$/);
  assert.match(await shownBy("chain", "etc/host"), / in part +fit$/);
  assert.match(await scene.ok("show", "etc/host"), /^in part +1 problem while its source was read$/m);
  scene.engine.tree = { mnt: {} };
  const empty = await scene.run("put", "etc/host", "files:/");
  assert.match(empty.stderr, /^agent: warning: The backup has no file: /m);
  assert.match(await shownBy("ls"), / no file, in part +-$/);
  assert.match(await shownBy("status"), / {2}in part, 1 newer empty$/);
});

Deno.test("of what another tool made, show lists the first files, and says what lists the others", async () => {
  await using scene = await Scene.make();
  await giveToRestic(scene);
  const few = await showOnly(scene);
  assert.equal(few.filter((line) => line.startsWith("file ")).length, 8);
  assert.match(few.at(-1)!, /^file +\/etc\/return\\x0d {2}1 B$/);
  await using other = await Scene.make({
    ...FIRST,
    many: Object.fromEntries("abcdefgh".split("").map((x) => [x, text(x)])),
  });
  await giveToRestic(other, 16);
  const many = await showOnly(other);
  assert.equal(many.filter((line) => line.startsWith("file ")).length, 10);
  assert.match(many.at(-1)!, /^ +and 6 more; "agent files @[0-9a-f]{8}" lists all$/);
  assert.match(many.join("\n"), /^size +[\d.]+ KiB in 16 files$/m);
});

Deno.test("verify tells of the files of a tree together, and --raw is not for them", async () => {
  await using scene = await Scene.make();
  const lines = (await scene.ok("verify", "etc/host")).trimEnd().split("\n");
  assert.equal(lines.length, 2, lines.join("\n"));
  assert.match(lines[0]!, /^OK etc\/host: 8 files, .*; MD5 and SHA-256 as in the list of digests$/);
  const { exitCode, stderr } = await scene.run("get", "etc/host", "--target", join(scene.directory, "raw"), "--raw");
  assert.equal(exitCode, ExitCode.usage);
  assert.match(stderr, /--raw is for the streams of an engine; this backup holds files and directories: leave it out/);
});

Deno.test("files of which nobody knows the digest are left out of the lists, and counted", async () => {
  await using scene = await Scene.make();
  await giveToRestic(scene);
  scene.engine.roots = ["/"];
  scene.engine.tree = { ...FIRST, "-": text("another dash") };
  await scene.put();
  for (const [option, digits] of [["--md5sums", 32], ["--sha256sums", 64]] as const) {
    const { exitCode, stdout, stderr } = await scene.run("show", "etc/host", option);
    assert.equal(exitCode, 0);
    assert.match(stdout, new RegExp(`^[0-9a-f]{${digits}}  \\./-\n$`));
    assert.match(stderr, /^agent: warning: 7 files are left out, because restic read them last/);
  }
});

Deno.test("files lists paths of the source, finds the nearest name and gives every property as JSON", async () => {
  await using scene = await Scene.make();
  assert.equal(
    await scene.ok("files", "etc/host"),
    ["/-", "/etc", "/etc/back\\slash", "/etc/conf", "/etc/conf/a.conf", "/etc/empty", "/etc/line\\x0abreak"]
      .concat(["/etc/link", "/etc/passwd", "/etc/raw\\xff", "/etc/return\\x0d", ""]).join("\n"),
  );
  assert.equal(await scene.ok("files", "etc/host", "/etc/conf", "--null"), "/etc/conf\0/etc/conf/a.conf\0");
  const long = await scene.ok("files", "etc/host", "/etc/link", "-l");
  assert.match(long, /^lrwxrwxrwx 7 0 0 \d{4}-\d\d-\d\d [\d:]{8} [-+]\d\d:\d\d \/etc\/link -> passwd\n$/);
  const [raw] = (await scene.ok("files", "etc/host", "--json")).split("\n").filter((line) => /raw/.test(line));
  const object = JSON.parse(raw!);
  assert.deepEqual(
    [object.path, atob(object.pathBytes), object.size, object.mode, object.permissions],
    ["/etc/raw\ufffd", "/etc/raw\xff", 1, 0o644, "-rw-r--r--"],
  );
  const missing = await scene.run("files", "etc/host", "/etc/pasword");
  assert.deepEqual([missing.exitCode, /did you mean "\/etc\/passwd"\?/.test(missing.stderr)], [2, true]);
  assert.match(
    (await scene.run("files", "etc/host", "/etc/pass*")).stderr,
    /in that backup; "agent find" takes patterns\n$/,
  );
  assert.equal((await scene.run("files", "etc/host", "--json", "--null")).exitCode, 2);
});

Deno.test("find and diff tell which files a backup changed; nothing found is no failure", async () => {
  await using scene = await Scene.make();
  scene.engine.tree = { ...FIRST, etc: { ...FIRST.etc as Tree, passwd: text("toor!"), new: text("n") } };
  await scene.put();
  const lines = (await scene.ok("diff", "etc/host")).split("\n");
  assert.deepEqual(lines.slice(0, 3), [
    "     SIZE A    SIZE B  PATH",
    "+         -       1 B  /etc/new",
    "M       4 B       5 B  /etc/passwd",
  ]);
  assert.deepEqual(lines.slice(5), ["added    1 file: 1 B", "changed  1 file: 4 B in A, 5 B in B", ""]);
  const found = (await scene.ok("find", "passwd", "a.conf", "--json")).trim().split("\n").map((line) =>
    JSON.parse(line)
  );
  assert.deepEqual(found.map(({ path, size, backups }) => [path, size, backups]), [
    ["/etc/conf/a.conf", 1, 2],
    ["/etc/passwd", 4, 1],
    ["/etc/passwd", 5, 1],
  ]);
  const nothing = await scene.run("find", "no-such-file");
  assert.deepEqual([nothing.exitCode, nothing.stdout, nothing.stderr], [0, "", "Nothing found in 2 backups\n"]);
  assert.equal((await scene.run("find")).exitCode, 2);
  const unknown = await scene.run("find", "passwd", "--series", "etc/hsot");
  assert.deepEqual(unknown, {
    ...unknown,
    exitCode: 2,
    stdout: "",
    stderr: 'agent: There is no backup of "etc/hsot"; did you mean "etc/host"?\n',
  });
});

Deno.test("modes, sizes and devices look as ls -l shows them, and checksum lines as md5sum writes them", () => {
  const mode = (type: "file" | "dir" | "fifo", bits: number) => modeText({ type, mode: bits });
  assert.equal(mode("file", 0o755 | GoFileMode.setuid), "-rwsr-xr-x");
  assert.equal(mode("file", 0o644 | GoFileMode.setuid | GoFileMode.setgid), "-rwSr-Sr--");
  assert.equal(mode("dir", 0o777 | GoFileMode.sticky), "drwxrwxrwt");
  assert.equal(mode("dir", 0o776 | GoFileMode.sticky), "drwxrwxrwT");
  assert.equal(mode("fifo", 0), "p---------");
  const device = makeNode({ name: "x", type: "dev", mode: 0o660, device: (0x12n << 20n) | (3n << 8n) | 0x45n });
  assert.match(new LongFormat().lines([{ path: "/x", node: device }])[0]!, /^brw-rw---- 0 0 3, 4677 /);
  assert.equal(checksumLine({ path: "-", sum: "ab" }), "ab  ./-");
  assert.equal(checksumLine({ path: "a\\b\nc\rd", sum: "ab" }), "\\ab  a\\\\b\\nc\\rd");
  assert.deepEqual([...bytesOfByteString(checksumLine({ path: "\udcff", sum: "a" }))], [97, 32, 32, 255]);
});

Deno.test("get of files: what matches nothing, what is no file, and names that are not UTF-8 are told in words", async () => {
  await using scene = await Scene.make();
  const target = join(scene.directory, "t");
  const refused: readonly (readonly [arguments_: readonly string[], words: RegExp])[] = [
    [
      ["--target", target, "--include", "paswd"],
      /^agent: Nothing .*--include "paswd"; did you mean "passwd"\?\n$/,
    ],
    [["--target", target, "--include", "*.iso"], /"\*\.iso"; "agent files" lists what it holds\n$/],
    [["/etc/conf", "--target", target, "--include", "passwd"], /matches --include "passwd"/],
    [["--target", ""], /--target names no directory/],
    [["--file", "/etc/conf"], /"\/etc\/conf" is a directory: restore it with "\/etc\/conf" --target DIR/],
    [["--file", "etc/link"], /"etc\/link" is a symbolic link to "passwd": choose the file that it leads to/],
    [["--file", "/etc/paswd"], /not hold "\/etc\/paswd"; did you mean "passwd" in "\/etc"\?\n$/],
    [["--file", "passwd"], /not hold "\/passwd"; "\/" has no "passwd": "agent find" tells whole paths\n$/],
    [["--file", "/etc/raw\udcfe"], /not hold "\/etc\/raw\\xfe"/],
    [["--file", "/"], /The backup holds no file "\/"; "agent files" lists what it holds\n$/],
    [["/etc/pass*", "--target", target], /not hold "\/etc\/pass\*"; a PATH is no pattern: --include takes patterns\n$/],
    [["/etc/passwd"], /PATHs are for .*: use them with --target DIR, .*; --file PATH alone prints one file\n$/],
    [["--dry-run"], /--dry-run is for .*: use it with --target DIR, and no --file or --raw\n$/],
    [["/etc/raw\udcfe", "--target", target], /not hold "\/etc\/raw\\xfe"/],
  ];
  for (const [rest, words] of refused) {
    const { exitCode, stderr, stdout } = await scene.run("get", "etc/host", ...rest);
    assert.deepEqual([exitCode, stdout], [ExitCode.usage, ""], stderr);
    assert.match(stderr, words);
    assert.doesNotMatch(stderr, /udcf/);
  }
  await assert.rejects(Deno.lstat(target));
  const plan = await scene.ok("get", "etc/host", "--target", target, "--dry-run");
  assert.match(plan, /^create {2}\/etc\/raw\\xff: is not there$/m);
  assert.match(plan, /^create {2}\/-: is not there$/m);
  const { stderr } = await scene.run("get", "etc/host", "--target", target, "--dry-run");
  assert.match(stderr, /^Nothing was changed\. Entries would be: \d+ created; /m);
  const planned = (await scene.ok("get", "etc/host", "--target", target, "--dry-run", "--json")).split("\n");
  const raw = JSON.parse(planned.find((line) => line.includes("raw"))!);
  assert.deepEqual([raw.path, atob(raw.pathBytes)], ["/etc/raw\ufffd", "/etc/raw\xff"]);
  assert.match(await scene.ok("find", "raw*"), /\/etc\/raw\\xff /);
});
