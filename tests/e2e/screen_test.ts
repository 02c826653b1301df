/** What the screen shows while the agent works and afterwards, on terminals of several widths. tmux is the terminal. */
import assert from "node:assert/strict";
import { putHere } from "../helpers/agent_here.ts";
import { bulkNoise, type Sandbox, sandbox } from "../helpers/executable.ts";
import { programTest } from "../helpers/programs.ts";
import { Tmux } from "../helpers/tmux.ts";
import { PASSWORD } from "../helpers/world.ts";

const SERIES = "prod/customers/eu-west/shop";
/** A row of progress: its clock stands in it. */
const PROGRESS = /^\S*: .*\b\d+:\d\d\b/m;

/** A source in parts, a shell command each, which waits before each but the first until it is told to go on. */
class HeldSource {
  readonly #box: Sandbox;
  #passed = 0;

  private constructor(box: Sandbox) {
    this.#box = box;
  }

  /** Writes it to the file `source`. */
  static async make(box: Sandbox, ...parts: readonly string[]): Promise<HeldSource> {
    const gates = parts.slice(1).map((_, i) => `gate${i + 1}`);
    await box.file("source", parts.map((part, i) => i === 0 ? part : `read -r _ <gate${i}\n${part}`).join("\n"));
    assert.equal((await box.shell(`mkfifo ${gates.join(" ")}`)).exitCode, 0);
    return new HeldSource(box);
  }

  /** Lets it go on with its next part. */
  async goOn(): Promise<void> {
    await this.#box.shell(`echo >gate${++this.#passed}`);
  }
}

async function seriesWithParent(): Promise<Sandbox> {
  const box = await sandbox();
  const stream = bulkNoise(4_000_000, "screen");
  await box.file("stream", stream);
  await putHere(box, SERIES, stream);
  return box;
}

const WAITING: Readonly<Record<number, RegExp>> = {
  40: /^prod\/custom.*west\/shop: waiting, \d+:\d\d$/m,
  80: /^prod\/customers\/eu-west\/shop: waiting for the first byte, \d+:\d\d$/m,
  120: /^prod\/customers\/eu-west\/shop: waiting for the first byte, \d+:\d\d$/m,
};
const HALF: Readonly<Record<number, RegExp>> = {
  40: /^prod\S*…\S*hop: 50 %, 1\.91 MiB, \d+:\d\d left$/m,
  80:
    /^prod\S*…\S*hop: 50 %, 1\.91 MiB of about 3\.81 MiB(, \d\S* K?i?B new)?, \S+ [KM]iB\/s, \d+:\d\d, \d+:\d\d left$/m,
  120: /^\S+shop: 50 %, 1\.91 MiB of about 3\.81 MiB, \S+ K?i?B new, \S+ [KM]iB\/s, \d+:\d\d, \d+:\d\d left$/m,
};

for (const columns of [40, 80, 120]) {
  programTest({
    name: `a put on ${columns} columns: waiting, half of it, what its command says, and nothing left but the result`,
    needs: ["tmux"],
    async fn({ tmux }) {
      await using box = await seriesWithParent();
      const part = "head -c 1000000 stream";
      const source = await HeldSource.make(
        box,
        "",
        part,
        "tail -c +1000001 stream | head -c 1000000",
        "echo 'one warning' >&2",
        "exit",
      );
      await using terminal = await Tmux.start(tmux, box, columns);
      await terminal.type(`clear; "$AGENT" put ${SERIES} -- sh source`);
      await terminal.shows(WAITING[columns]!);
      await source.goOn();
      await terminal.shows(/: 25 %/);
      await source.goOn();
      const half = await terminal.shows(HALF[columns]!);
      assert.equal(half.match(/ 50 %|waiting/g)!.length, 1, half);
      await source.goOn();
      const warned = await terminal.shows(/^one warning\n\S+: 50 %/m);
      assert.equal(warned.match(/ 50 %/g)!.length, 1, warned);
      await source.goOn();
      assert.match(
        await terminal.says(/\/s\n>$/),
        /^one warning\n[0-9a-f]{64}\nprod\/customers\/eu-west\/shop level 1\s[^>]*judged;[^>]*\/s\n>$/,
      );
    },
  });
}

programTest({
  name: "a terminal that is made narrower and wider again shows one line of progress",
  needs: ["tmux"],
  async fn({ tmux }) {
    await using box = await seriesWithParent();
    const source = await HeldSource.make(box, "head -c 2000000 stream", "tail -c +2000001 stream");
    await using terminal = await Tmux.start(tmux, box, 120);
    await terminal.type(`clear; "$AGENT" put ${SERIES} -- sh source`);
    await terminal.shows(HALF[120]!);
    for (const columns of [80, 40, 120]) {
      await terminal.resize(columns);
      const nothingElse = new RegExp(HALF[columns]!.source);
      await terminal.shows(nothingElse);
    }
    await source.goOn();
    assert.match(await terminal.says(/\/s\n>$/), /^[0-9a-f]{64}\nprod/);
  },
});

programTest({
  name: "Ctrl-Z, bg and fg: the shell has the terminal to itself, and the line comes back with the job",
  needs: ["tmux"],
  async fn({ tmux }) {
    await using box = await seriesWithParent();
    const source = await HeldSource.make(box, "head -c 2000000 stream", "tail -c +2000001 stream");
    await using terminal = await Tmux.start(tmux, box, 80);
    await terminal.type(`clear; "$AGENT" put ${SERIES} -- sh source`);
    await terminal.shows(HALF[80]!);
    await terminal.press("C-z");
    assert.doesNotMatch(await terminal.shows(/Stopped .*\n(.*\n)?>$/), PROGRESS);
    await terminal.type("clear; bg");
    await terminal.shows(/^\[1\]\+ .*&\n>$/);
    await terminal.type("read -t 1 _");
    await terminal.shows(/read -t 1 _\n>$/);
    assert.doesNotMatch(await terminal.screen(), PROGRESS, "a job in the background is silent");
    await terminal.type("clear; fg");
    await terminal.shows(HALF[80]!);
    await source.goOn();
    const done = await terminal.says(/\/s\n>$/);
    assert.doesNotMatch(done, / 50 %/);
  },
});

programTest({
  name: "Ctrl-C leaves a clean terminal",
  needs: ["tmux"],
  async fn({ tmux }) {
    await using box = await seriesWithParent();
    await HeldSource.make(box, "head -c 2000000 stream", "");
    await using terminal = await Tmux.start(tmux, box, 80);
    await terminal.type(`clear; "$AGENT" put ${SERIES} -- sh source`);
    await terminal.shows(HALF[80]!);
    await terminal.press("C-c");
    assert.match(await terminal.shows(/\n>$/), /^(source: .*\n)?agent: Interrupted\n>$/);
  },
});

programTest({
  name: "a password is asked for on a line of its own, and a restore to the terminal has no progress in it",
  needs: ["tmux"],
  async fn({ tmux }) {
    await using box = await sandbox();
    await putHere(box, "s", "first\nsecond\nlast");
    await using terminal = await Tmux.start(tmux, box, 80, { AGENT_PASSWORD_FILE: undefined });
    await terminal.type('clear; "$AGENT" get s');
    assert.equal(await terminal.shows(/Password/), "Password of the repository:");
    await terminal.type(PASSWORD);
    assert.match(
      await terminal.says(/manifest\n>$/),
      /^Password of the repository:\nfirst\nsecond\nlast\nBackup \w{8} of .*\ns\/data: 17 B in .*; SHA-256 as in the manifest\n>$/,
    );
  },
});
