/** `agent backup PATH`: which series it makes, which rules it finds in the directory, and what it refuses. */
import { deepEqual, doesNotMatch, equal, match } from "node:assert/strict";
import { join } from "node:path";
import { ExitCode } from "../../src/base/errors.ts";
import type { LocalFiles } from "../../src/cli/context.ts";
import { optionsOf } from "../../src/engine/files/options_json.ts";
import type { FilesRequest } from "../../src/engine/files/files_request.ts";
import { JournalEngine } from "../helpers/journal_engine.ts";
import { type MadePath, MadePaths } from "../helpers/made_paths.ts";
import { Desk } from "./desk.ts";

/** A desk in a directory of made-up paths; files with rules are on the disk. */
class Shelf {
  readonly requests: FilesRequest[] = [];
  readonly #engine = new JournalEngine();
  readonly #paths: Record<string, MadePath> = {
    "/srv/site/index.html": "file",
    "/opt/site/index.html": "file",
    "/srv/notes.txt": "file",
    "/srv/a@b/x": "file",
    "/srv/\udcff/x": "file",
  };
  readonly #desk: Desk;

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  static async with(work: (shelf: Shelf) => Promise<void>): Promise<void> {
    await Desk.with((desk) => work(new Shelf(desk)));
  }

  /** Makes a directory on the disk with these files in it; returns its path. */
  async directory(name: string, files: Readonly<Record<string, string>>): Promise<string> {
    const path = join(this.#desk.directory, name);
    await Deno.mkdir(path);
    for (const [file, text] of Object.entries({ other: "", ...files })) {
      await Deno.writeTextFile(join(path, file), text);
      this.#paths[join(path, file)] = "file";
    }
    return path;
  }

  async backup(...args: string[]) {
    return await this.#desk.run(["backup", ...args], { files: this.#files });
  }

  /** The series of all backups, oldest first. */
  async series(): Promise<unknown[]> {
    return (await this.#desk.json("ls")).map(({ series }) => series);
  }

  get #files(): LocalFiles {
    return {
      directory: "/srv/site",
      look: () => Promise.resolve(new MadePaths(this.#paths)),
      mountInfo: () => undefined,
      source: (request) => {
        this.requests.push(request);
        this.#engine.lines.push("line\n");
        const driver = { ...this.#engine.source(), options: optionsOf(request) };
        return Promise.resolve({ name: "journal", engine: this.#engine, driver });
      },
    };
  }
}

Deno.test("backup names the series after the last name in the PATH, and takes the current directory by default", async () => {
  await Shelf.with(async (shelf) => {
    for (const path of [[], ["."], ["/srv/site/"], ["../notes.txt"], ["../site"]]) {
      const { exitCode, stderr } = await shelf.backup(...path);
      equal(exitCode, ExitCode.done, stderr);
    }
    deepEqual(await shelf.series(), ["site", "site", "site", "notes.txt", "site"]);
    deepEqual(shelf.requests[0]!.selection.roots, ["srv/site"]);
    deepEqual(shelf.requests[3]!.selection.roots, ["srv/notes.txt"]);
  });
});

Deno.test("backup tells if the backup before in the series is of another PATH", async () => {
  await Shelf.with(async (shelf) => {
    await shelf.backup("/srv/site");
    const same = await shelf.backup("/srv/site");
    doesNotMatch(same.stderr, /the backup before/);
    const other = await shelf.backup("/opt/site");
    equal(other.exitCode, ExitCode.done);
    match(other.stderr, /note: the backup before in this series, [0-9a-f]{8}, is of "\/srv\/site".*agent put SERIES/);
    const again = await shelf.backup("/srv/site", "--json");
    match(JSON.parse(again.stdout).notes.join(), /is of "\/opt\/site"/);
  });
});

Deno.test("rules come from .agentexclude, else from .gitignore, in the directory alone, and before --exclude", async () => {
  await Shelf.with(async (shelf) => {
    const both = await shelf.directory("both", {
      ".agentexclude": "*.log\n/cache\n!keep.log\n",
      ".gitignore": "*.tmp\n",
    });
    const first = await shelf.backup(both, "--exclude", "*.bak");
    equal(first.exitCode, ExitCode.done, first.stderr);
    match(first.stderr, /note: what the rules in ".*both\/\.agentexclude" match is left out/);
    const below = both.slice(1);
    deepEqual(shelf.requests[0]!.selection.excluded, [
      `/${below}/**/*.log`,
      `/${below}/cache`,
      `!/${below}/**/keep.log`,
      "*.bak",
    ]);
    const git = await shelf.directory("git", { ".gitignore": "build/out\n" });
    match((await shelf.backup(git)).stderr, /git\/\.gitignore" match is left out/);
    deepEqual(shelf.requests[1]!.selection.excluded, [`${git}/build/out`]);
    const plain = await shelf.backup("/srv/site");
    doesNotMatch(plain.stderr, /left out/);
    deepEqual(shelf.requests[2]!.selection.excluded, []);
  });
});

Deno.test("backup has the options of put for files, and refuses what no series can be named after", async (test) => {
  await Shelf.with(async (shelf) => {
    const tagged = await shelf.backup("--tag", "nightly", "--one-file-system", "--run-type", "daily");
    equal(tagged.exitCode, ExitCode.done, tagged.stderr);
    equal(shelf.requests[0]!.selection.oneFileSystem, true);
    const bad = await shelf.directory("bad", { ".gitignore": "ok\n../x\n" });
    const refused: [string[], ExitCode, RegExp][] = [
      [["/"], ExitCode.usage, /after \/: name one: agent put SERIES "\/"/],
      [["/srv/a@b"], ExitCode.usage, /an @ begins a selector.*agent put SERIES "\/srv\/a@b"/],
      [["/srv/\udcff"], ExitCode.usage, /not valid Unicode/],
      [["/srv/site", "/srv/notes.txt"], ExitCode.usage, /One PATH names the series, but 2 are given/],
      [["--files-from", "list"], ExitCode.usage, /Lists of PATHs name no series/],
      [["mysql://host/shop"], ExitCode.usage, /names an engine, and no series/],
      [[""], ExitCode.usage, /A PATH is empty/],
      [["/srv/nowhere"], ExitCode.source, /no such file or directory/],
      [[bad], ExitCode.usage, /line 2 of ".*bad\/\.gitignore"/],
      [["--stdin"], ExitCode.usage, /There is no option --stdin/],
      [["--guard", "sql"], ExitCode.usage, /unknown option/i],
    ];
    for (const [args, expected, message] of refused) {
      await test.step(args.join(" "), async () => {
        const { exitCode, stderr } = await shelf.backup(...args);
        match(stderr, message);
        equal(exitCode, expected);
      });
    }
    deepEqual(await shelf.series(), ["site"]);
  });
});
