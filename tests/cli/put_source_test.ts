/** `put SERIES SOURCE` on the command line: what an engine reads, what is told of it, and what of it is missing. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ExitCode } from "../../src/base/errors.ts";
import { runInProcess } from "../helpers/command_line.ts";
import { JournalEngine, type Script } from "../helpers/journal_engine.ts";
import { type FakeWorld, fakeWorld } from "../helpers/world.ts";

/** Runs commands on one repository, beside one engine. */
class Desk {
  readonly engine: JournalEngine;
  readonly #directory: string;
  readonly #world: FakeWorld = fakeWorld();

  private constructor(script: Script, directory: string) {
    this.engine = new JournalEngine(script);
    this.#directory = directory;
  }

  static async with(script: Script, work: (desk: Desk) => Promise<void>): Promise<void> {
    const directory = await Deno.makeTempDir();
    try {
      const desk = new Desk(script, directory);
      await desk.run("init", "--new-password-file", join(directory, "password"));
      await work(desk);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  }

  async run(...args: string[]) {
    this.#world.clock.jump(3_600_000);
    this.engine.lines.push(`line ${this.engine.lines.length} of the journal\n`);
    const env = {
      AGENT_REPOSITORY: join(this.#directory, "repo"),
      AGENT_PASSWORD_FILE: join(this.#directory, "password"),
    };
    return await runInProcess(args, { env, world: this.#world, engines: this.engine.as() });
  }

  /** The objects of `agent ARGS --json`. */
  async json(...args: string[]): Promise<Record<string, unknown>[]> {
    const { stdout } = await this.run(...args, "--json");
    return stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  }
}

/** What `status --json` says of the newest good backup of each run type. */
async function problemsInStatus(desk: Desk): Promise<unknown[]> {
  const rows = await desk.json("status");
  return rows.flatMap(({ runs }) => (runs as { problems: unknown }[]).map(({ problems }) => problems));
}

Deno.test("the source of an engine is backed up level upon level, and --explain says why", async () => {
  await Desk.with({}, async (desk) => {
    const first = await desk.run("put", "prod/log", "journal:here", "--explain");
    assert.equal(first.exitCode, ExitCode.done, first.stderr);
    assert.match(first.stderr, /^level 0 by first: /);
    assert.match(first.stderr, /prod\/log level 0 [0-9a-f]{8}: 2 streams; /);
    const second = await desk.run("put", "prod/log", "journal:here", "--explain");
    assert.match(second.stderr, /^level 1 by newest: /);
    assert.match(second.stderr, /^ {2}level-1\/count: format not recognised, not judged; \d+ B$/m);
    assert.doesNotMatch(second.stderr, /level-0|metadata/);
    const [row] = await desk.json("put", "prod/log", "journal:here");
    assert.deepEqual([row!["level"], row!["engine"], row!["problems"]], [2, "journal", []]);
    assert.equal((row!["files"] as unknown[]).length, 9);
  });
});

Deno.test("a parent that cannot be continued is told, even with --quiet, and by --explain", async () => {
  await Desk.with({ finish: (end) => ({ ...end, metadata: null }) }, async (desk) => {
    await desk.run("put", "prod/log", "journal:here");
    const { stderr } = await desk.run("put", "prod/log", "journal:here", "--quiet", "--explain");
    assert.match(
      stderr,
      /^agent: warning: the parent .* it holds no metadata for the next level; this backup is a level 0/,
    );
    assert.match(stderr, /^level 0 by damaged-parent: /m);
  });
});

Deno.test("what is in part is committed with exit code 6, and marked; --strict refuses it", async () => {
  const problems = ["a: cannot be read", "b: changed", "c: changed", "d: changed"];
  await Desk.with({ finish: (end) => ({ ...end, problems }) }, async (desk) => {
    const strict = await desk.run("put", "prod/log", "journal:here", "--strict");
    assert.deepEqual([strict.exitCode, strict.stdout], [ExitCode.source, ""]);
    assert.match(strict.stderr, /a: cannot be read, and 3 more; nothing was committed; without --strict/);

    const { exitCode, stdout, stderr } = await desk.run("put", "prod/log", "journal:here");
    assert.equal(exitCode, ExitCode.partial);
    assert.match(stdout, /^[0-9a-f]{64}\n$/);
    assert.match(
      stderr,
      /\nagent: warning: a: cannot be read\nagent: warning: b: changed\nagent: warning: c: changed\nagent: warning: d: changed\nagent: The backup prod\/log@[0-9a-f]{8} is committed, but 4 parts of its source are not in it as they were, named above; --strict refuses such a backup\n$/,
    );
    const told = await desk.run("put", "prod/log", "journal:here", "--json");
    assert.deepEqual(JSON.parse(told.stdout).problems, problems);
    assert.doesNotMatch(told.stderr, /"warning"/);
    assert.match(told.stderr, /as they were: a: cannot be read \/ b: changed \/ c: changed \/ and 1 more; --strict/);
    assert.match((await desk.run("show", "prod/log")).stdout, /^in part +4 problems while its source was read$/m);
    assert.match((await desk.run("ls")).stdout, /none, in part/);
    assert.match((await desk.run("chain", "prod/log")).stdout, /none, in part +fit$/m);
    assert.match((await desk.run("status")).stdout, /not judged, in part$/m);
    const restored = await desk.run("get", "prod/log", "--file", "level-1/count", "-o", "/dev/null");
    assert.match(restored.stderr, /^Backup .* in part: 4 parts of its source could not/m);
    assert.deepEqual(await problemsInStatus(desk), [4]);
    assert.deepEqual((await desk.json("ls")).map(({ problems }) => problems), [4, 4]);

    desk.engine.script = {};
    assert.equal((await desk.run("put", "prod/log", "journal:here", "--strict")).exitCode, ExitCode.done);
    assert.deepEqual((await desk.json("ls")).map(({ problems }) => problems), [4, 4, 0]);
    assert.doesNotMatch((await desk.run("show", "prod/log")).stdout, /in part/);
    assert.deepEqual(await problemsInStatus(desk), [0]);
    assert.equal((await desk.run("check")).exitCode, ExitCode.done);
  });
});

Deno.test("a source that makes no sense is refused before it is opened", async (test) => {
  await Desk.with({ replays: false }, async (desk) => {
    const refused: [string[], RegExp][] = [
      [["jurnal:here"], /Unknown kind of source "jurnal"; did you mean "journal"\?/],
      [["journal:here?prat=1"], /no parameter "prat"; did you mean "part"\?/],
      [["journal:here", "--max-level", "3"], /journal: has no levels/],
      [["journal:here", "--always-level", "1"], /journal: has no levels/],
      [["journal:here", "--restart-always-level", "7"], /journal: has no levels/],
      [["journal:here", "--level", "full"], /journal: has no levels/],
    ];
    for (const [args, expected] of refused) {
      await test.step(args.join(" "), async () => {
        const { exitCode, stderr } = await desk.run("put", "prod/log", ...args);
        assert.equal(exitCode, ExitCode.usage);
        assert.match(stderr, expected);
      });
    }
    assert.deepEqual(desk.engine.openings, []);
  });
});
