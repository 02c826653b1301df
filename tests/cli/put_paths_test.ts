/** `put SERIES PATH...` on the command line: what the engine is asked to read, and what is refused before. */
import { deepEqual, doesNotMatch, equal, match } from "node:assert/strict";
import { join } from "node:path";
import { ExitCode } from "../../src/base/errors.ts";
import type { FilesRequest } from "../../src/engine/files/files_request.ts";
import { runInProcess } from "../helpers/command_line.ts";
import { JournalEngine } from "../helpers/journal_engine.ts";
import { MadePaths } from "../helpers/made_paths.ts";
import { type FakeWorld, fakeWorld } from "../helpers/world.ts";

/** Runs puts of made-up paths into a repository. */
class Desk {
  readonly requests: FilesRequest[] = [];
  readonly directory: string;
  readonly #engine = new JournalEngine({});
  readonly #world: FakeWorld = fakeWorld();

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async with(work: (desk: Desk) => Promise<void>): Promise<void> {
    const directory = await Deno.makeTempDir();
    try {
      const desk = new Desk(directory);
      await desk.run(["init", "--new-password-file", join(directory, "password")]);
      await work(desk);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  }

  /** A file on the disk. */
  file(name: string, text: string): string {
    const path = join(this.directory, name);
    Deno.writeTextFileSync(path, text);
    return path;
  }

  async put(args: readonly string[], stdin = "") {
    return await this.run(["put", "etc/host", ...args], stdin);
  }

  async run(args: readonly string[], stdin = "") {
    this.#world.clock.jump(3_600_000);
    this.#engine.lines.push("line\n");
    const repository = join(this.directory, "repo");
    const env = { AGENT_REPOSITORY: repository, AGENT_PASSWORD_FILE: join(this.directory, "password") };
    const look = new MadePaths({
      "/etc/passwd": "file",
      "/etc/tar:x": "file",
      "/srv/a/b": "file",
      "/srv/\udcff": "file",
      [`${repository}/config`]: "file",
    });
    const engines = this.#engine.as();
    const files = {
      directory: "/etc",
      look: () => Promise.resolve(look),
      mountInfo: () => undefined,
      source: (request: FilesRequest) => {
        this.requests.push(request);
        return Promise.resolve(engines.source("journal:here"));
      },
    };
    return await runInProcess(args, {
      env,
      world: this.#world,
      engines,
      files,
      stdin: new TextEncoder().encode(stdin),
    });
  }
}

Deno.test("PATHs and their options become a request of the engine", async () => {
  await Desk.with(async (desk) => {
    const list = desk.file("excludes", "# none\r\n*.log\r\n!keep.log\r\n");
    const options = ["--exclude", "*.tmp", "-e", "/srv/x", "--iexclude", "*.BAK", "--exclude-file", list];
    const more = ["--exclude-caches", "--exclude-if-present", ".no:x", "--exclude-larger-than", "2K", "-x"];
    const plain = await desk.put(["passwd", "/srv", "/nowhere"]);
    equal(plain.exitCode, ExitCode.done, plain.stderr);
    await desk.put(["/", ...options, ...more, "--ignore-ctime", "--with-atime"]);
    await desk.put(["/srv", "--ignore-inode", "--force"]);
    const [first, second, third] = desk.requests;
    deepEqual(first!.selection.roots, ["etc/passwd", "srv"]);
    deepEqual(first!.changes, { readAll: false, compareCtime: true, compareInode: true });
    deepEqual(first!.problems, ["/nowhere: there is no such file or directory"]);
    deepEqual([first!.withAtime, second!.withAtime], [false, true]);
    deepEqual(second!.selection.excluded, ["*.log", "!keep.log", "*.tmp", "/srv/x"]);
    deepEqual(second!.selection.excludedIgnoringCase, ["*.BAK"]);
    deepEqual(second!.selection.markers.map(({ name }) => name), ["CACHEDIR.TAG", ".no"]);
    deepEqual([second!.selection.largestFileBytes, second!.selection.oneFileSystem], [2048, true]);
    deepEqual(second!.changes, { readAll: false, compareCtime: false, compareInode: true });
    deepEqual(third!.changes, { readAll: true, compareCtime: false, compareInode: false });
  });
});

Deno.test("PATHs come from lists, too, as they are or by patterns, and from standard input", async () => {
  await Desk.with(async (desk) => {
    await desk.put(["--files-from", "-"], "# list\n  /srv/*\nnope*\n");
    deepEqual(desk.requests[0]!.selection.roots, ["srv/a", "srv/\udcff"]);
    await desk.put(["passwd", "--files-from-verbatim", desk.file("lines", "/srv/a\n")]);
    deepEqual(desk.requests[1]!.selection.roots, ["etc/passwd", "srv/a"]);
    await desk.put(["--files-from-raw", "-"], "/srv/a\0passwd\0");
    deepEqual(desk.requests[2]!.selection.roots, ["etc/passwd", "srv/a"]);
    const { stderr } = await desk.put(["/srv", "--files-from", desk.file("none", "nope*\n")]);
    match(stderr, /note: nothing matches "nope\*"/);
  });
});

Deno.test("the repository is left out and told, and cannot be backed up itself", async () => {
  await Desk.with(async (desk) => {
    const { stderr } = await desk.put(["/"]);
    match(stderr, /note: left out what is in .*repo \(the repository\)/);
    const { exitCode, stderr: refused } = await desk.put([join(desk.directory, "repo")]);
    equal(exitCode, ExitCode.usage);
    match(refused, /part of the repository/);
    const quiet = await desk.put(["/", "--quiet"]);
    equal(quiet.stderr, "");
  });
});

Deno.test("a second repository is left out, too, and no business of a dry run", async () => {
  await Desk.with(async (desk) => {
    const second = join(desk.directory, "second");
    const also = ["--also", second, "--also-password-file", join(desk.directory, "password")];
    await desk.run(["init", "-r", second]);
    const { stderr } = await desk.put(["/", ...also]);
    match(stderr, /left out what is in .*repo \(the repository\), .*second \(the second repository\)/);
    const dry = await desk.put(["/", "--dry-run", ...also]);
    equal(dry.exitCode, ExitCode.done, dry.stderr);
    doesNotMatch(dry.stderr, /second/);
  });
});

Deno.test("names that are not UTF-8 and names like URLs are PATHs", async () => {
  await Desk.with(async (desk) => {
    await desk.put(["/srv/\udcff", "./tar:x", "--exclude", "\udcfe"]);
    deepEqual(desk.requests[0]!.selection.roots, ["etc/tar:x", "srv/\udcff"]);
    deepEqual(desk.requests[0]!.selection.excluded, ["\udcfe"]);
  });
});

Deno.test("what makes no sense with PATHs, or without them, is refused before anything is read", async (test) => {
  await Desk.with(async (desk) => {
    const none = desk.file("empty", "\n# nothing\n");
    const refused: [string[], ExitCode, RegExp][] = [
      [["/srv", "--stream", "a=b"], ExitCode.usage, /Give PATHs or --stream: a backup holds files or streams/],
      [["/srv", "--", "date"], ExitCode.usage, /Give PATHs or a command after --: a backup holds files or streams/],
      [["/srv", "--filename", "x"], ExitCode.usage, /--filename names the only stream/],
      [["/srv", "--guard", "sql"], ExitCode.usage, /--guard is for streams/],
      [["/srv", "--min-size", "1"], ExitCode.usage, /--min-size is for streams/],
      [["/srv", "--min-of-parent", "50%"], ExitCode.usage, /--min-of-parent is for streams/],
      [["/srv", "journal:here"], ExitCode.usage, /does not go with PATHs.*"\.\/journal:here"/],
      [["jurnal:here"], ExitCode.usage, /did you mean "journal"\?; write "\.\/jurnal:here"/],
      [["/srv", "--exclude", "../x"], ExitCode.usage, /Not a pattern/],
      [["/srv", "--exclude", "/srv"], ExitCode.usage, /exclude every PATH/],
      [["/srv", "--exclude-larger-than", "x"], ExitCode.usage, /Not a size/],
      [["/srv", "--files-from", "-", "--exclude-file", "-"], ExitCode.usage, /read once/],
      [["--files-from", none], ExitCode.usage, /--files-from names no PATH/],
      [["/proc"], ExitCode.usage, /Refusing to back up \/proc/],
      [["", "/srv"], ExitCode.usage, /A PATH is empty/],
      [["--exclude", "x"], ExitCode.usage, /--exclude is for files and directories/],
      [["journal:here", "--force"], ExitCode.usage, /--force is for files and directories/],
      [["-"], ExitCode.usage, /leave - out, or write \.\/- for a file/],
      [["/nowhere/x"], ExitCode.source, /\/nowhere\/x: there is no such file or directory$/m],
      [["/srv/a*"], ExitCode.source, /the shell replaces a pattern that is not in quotes/],
      [["/srv", "--files-from", "/nowhere"], ExitCode.failed, /There is no --files-from file "\/nowhere"/],
      [
        ["/srv", "--parent", "1f2e3d4c"],
        ExitCode.usage,
        /There is no option --parent: the parent is the newest backup/,
      ],
      [["mysqldump", "shop"], ExitCode.source, /no such file or directory.*a command to run goes after --/],
      [["/srv", "/nowhere", "--strict"], ExitCode.source, /because --strict is given: \/nowhere/],
      [["journal:here", "--dry-run"], ExitCode.usage, /--dry-run is for files and directories/],
    ];
    for (const [args, expected, message] of refused) {
      await test.step(args.join(" "), async () => {
        const { exitCode, stderr } = await desk.put(args);
        match(stderr, message);
        equal(exitCode, expected);
      });
    }
    deepEqual(desk.requests, []);
  });
});

Deno.test("a path in the place of the series is told what comes first", async () => {
  await Desk.with(async (desk) => {
    for (const path of ["/srv", "./srv", "..", "."]) {
      const { exitCode, stderr } = await desk.run(["put", path]);
      equal(exitCode, ExitCode.usage);
      match(stderr, /it is a path; name a series before it: agent put etc\/host /);
    }
    const { exitCode, stderr } = await desk.run(["put", "passwd"]);
    equal(exitCode, ExitCode.source);
    match(stderr, /the stream is empty; .*to back up the file or directory of that name: agent put etc\/host passwd$/m);
    const plain = await desk.run(["put", "nowhere"]);
    match(plain.stderr, /the stream is empty; --allow-empty permits that$/m);
    const cut = await desk.run(["put", "passwd", "--min-size", "1K"], "short");
    match(cut.stderr, /at least 1\.00 KiB were expected; nothing was committed; see what its program said$/m);
  });
});
