/** Directories that tar backed up, level upon level: each level comes back as it was, by agent and without it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ExitCode } from "../../src/base/errors.ts";
import { runAgentHere } from "../helpers/agent_here.ts";
import { TarFixture } from "../engine/tar/tar_fixture.ts";
import { mountSmallDisk, whyNoSmallDisk } from "../fault/small_disk.ts";
import { assertFails, bulkNoise, eventually, type JsonRow, type Sandbox, sandbox } from "../helpers/executable.ts";
import { programTest } from "../helpers/programs.ts";
import { Restic, resticTest } from "../helpers/restic.ts";

runAgentHere();

const NEEDS = ["tar", "rsync", "bash", "find"] as const;
const MEBIBYTE = 1024 * 1024;

/** A directory that was backed up night after night, and what it was each time. */
interface Nights extends AsyncDisposable {
  readonly box: Sandbox;
  readonly ids: readonly string[];
  /** Compares a directory with the one of a night. */
  readonly assertSame: readonly ((target: string) => Promise<void>)[];
}

async function nights(): Promise<Nights> {
  const box = await sandbox();
  const fixture = await TarFixture.create();
  const ids: string[] = [];
  const assertSame: ((target: string) => Promise<void>)[] = [];
  for (let night = 0; night < 4; night++) {
    await fixture.change(night);
    assertSame.push(await fixture.keep());
    const time = `2026-01-0${night + 1}T12:00Z`;
    ids.push((await box.ok(["put", "srv/files", fixture.source, "-q", "--time", time])).trim());
  }
  const dispose = async () => {
    await fixture.dispose();
    // Directories that came back closed, even for their owner, cannot be removed by an ordinary user.
    await box.shell("chmod -R u+rwX .");
    await box[Symbol.asyncDispose]();
  };
  return { box, ids, assertSame, [Symbol.asyncDispose]: dispose };
}

programTest({
  name: "each level of tar comes back as the directory was, and everything tells of levels",
  needs: NEEDS,
  async fn() {
    await using made = await nights();
    const { box, ids, assertSame } = made;
    for (const [night, selector] of ids.map((id) => `@${id}`).entries()) {
      await box.ok(["get", selector, "--target", box.join(`by-id-${night}`), "-q"]);
      await assertSame[night]!(box.join(`by-id-${night}`));
    }
    await box.ok(["get", "srv/files@2026-01-03T13:00Z", "--into", `tar:${box.join("by-time")}`, "-q"]);
    await assertSame[2]!(box.join("by-time"));

    const told = await box.agent(["get", "srv/files", "--target", box.join("told")]);
    assert.match(told.stderr, /^Backup \w{8} of .*\nReplayed by tar: level 0 to 3, 4 streams, .*as in the manifest\n$/);
    const rows = await box.json(["get", "srv/files", "--target", box.join("told"), "--overwrite"]);
    assert.equal(rows.length, 5);
    const { id, engine, level, items, problems } = rows.at(-1) as JsonRow;
    assert.deepEqual([id, engine, level, items, problems], [ids[3], "tar", 3, 4, []]);

    const levels = (await box.json(["ls"])).map((row) => row["level"]);
    assert.deepEqual(levels, [0, 1, 2, 3]);
    const verified = await box.ok(["verify", "srv/files"]);
    assert.equal(verified.match(/^OK srv\/files\/level-\d\/data\.tar:/gm)?.length, 4);
    assert.equal(verified.match(/^OK srv\/files\/level-\d\/metadata:/gm)?.length, 4);
    await box.ok(["check", "--read-data"]);
    await box.ok(["get", "srv/files", "--target", box.join("raw"), "--raw", "-q"]);
    const sums = await box.file("sums", await box.ok(["show", "srv/files", "--md5sums"]));
    const { exitCode } = await box.shell(`cd raw && md5sum -c --quiet ${sums}`);
    assert.equal(exitCode, 0);
  },
});

programTest({
  name: "a target that is not empty, other engines and options that exclude each other are refused before anything",
  needs: NEEDS,
  async fn() {
    await using made = await nights();
    const { box } = made;
    await box.put("plain", "stream");
    await Deno.mkdir(box.join("full"));
    await Deno.writeTextFile(box.join("full/precious"), "kept");
    const refused: readonly [string[], RegExp][] = [
      [["get", "srv/files", "--target", box.join("full")], /full" is not empty.*--overwrite/],
      [["get", "plain", "--into", `tar:${box.join("full")}`], /was made by the engine "stream", not by "tar"/],
      [["get", "srv/files", "--into", "tra:full"], /Unknown kind of target "tra".*tar/],
      [["get", "srv/files", "--into", "full"], /Not a target: "full"/],
      [
        ["get", "srv/files", "--target", box.join("x"), "--into", `tar:${box.join("x")}`],
        /Give --target or --into, not both/,
      ],
      [["get", "srv/files", "-o", "x", "--into", `tar:${box.join("x")}`], /Give -o or --into, not both/],
      [["get", "srv/files", "--raw"], /--raw writes files below a directory: name it with --target/],
      [["get", "srv/files", "--file", "data.tar", "--into", `tar:${box.join("x")}`], /--into restores a whole backup/],
      [["get", "srv/files"], /holds 8 files: choose one with --file, or use --target/],
    ];
    for (const [args, message] of refused) assertFails(await box.agent(args), ExitCode.usage, message);
    assert.deepEqual([...Deno.readDirSync(box.join("full"))].map(({ name }) => name), ["precious"]);
    await box.ok(["get", "plain", "--target", box.join("files"), "-q"]);
    assert.equal(await Deno.readTextFile(box.join("files/plain/data")), "stream");
    await box.ok(["get", "srv/files", "--target", box.join("full"), "--overwrite", "-q"]);
    await made.assertSame[3]!(box.join("full"));
  },
});

resticTest(
  "restic finds no error in levels, restores them, and breaks no chain by forgetting one",
  async (program) => {
    await using made = await nights();
    const { box, ids, assertSame } = made;
    const restic = await Restic.in(box, program);
    await restic.ok(["check", "--read-data"]);
    const snapshots = await restic.snapshots();
    await restic.ok(["restore", snapshots[3]!.id, "--target", box.join("by-restic")]);
    const { exitCode, stderr } = await box.shell(`
    mkdir by-hand
    for level in 0 1 2 3; do
      chmod -R u+rwX by-hand
      tar --extract --listed-incremental=/dev/null --directory by-hand \\
        --file by-restic/srv/files/level-$level/data.tar || exit 1
    done`);
    assert.equal(exitCode, 0, stderr);
    await assertSame[3]!(box.join("by-hand"));

    await restic.ok(["forget", snapshots[1]!.id, "--prune"]);
    await restic.ok(["tag", "--add", "kept", snapshots[3]!.id]);
    await box.ok(["get", "srv/files", "--target", box.join("after"), "-q"]);
    await assertSame[3]!(box.join("after"));
    await box.ok(["get", `@${ids[3]}`, "--target", box.join("by-id"), "-q"]);
    await assertSame[3]!(box.join("by-id"));
    await box.ok(["check", "--read-data"]);
    await restic.ok(["check", "--read-data"]);
  },
);

/** A sandbox with one backup of a directory of so many bytes. */
async function largeBackup(bytes: number): Promise<Sandbox> {
  const box = await sandbox();
  await Deno.mkdir(box.join("large"));
  await Deno.writeFile(box.join("large/file"), bulkNoise(bytes, "replay"));
  await box.ok(["put", "large", `tar:${box.join("large")}`, "-q"]);
  return box;
}

/** Variables by which tar waits once it has read a megabyte, so that whatever is done then comes in the middle. */
async function withWaitingTar(box: Sandbox): Promise<Record<string, string>> {
  const path = Deno.env.get("PATH")!;
  const wait = "--checkpoint=100 --checkpoint-action=sleep=600";
  // It comes last: words of the old style, without a hyphen, have to be the first.
  const script = `#!/bin/sh\nPATH='${path}'\ncase "$*" in *--version*) exec tar "$@" ;; esac\nexec tar "$@" ${wait}\n`;
  await Deno.chmod(await box.file("waiting/tar", script), 0o755);
  return { PATH: `${box.join("waiting")}:${path}` };
}

programTest({
  name: "Ctrl-C in the middle of a replay ends it, and says that the target holds a part",
  needs: NEEDS,
  async fn() {
    await using box = await largeBackup(8 * MEBIBYTE);
    await using running = box.start(["get", "large", "--target", "part"], { env: await withWaitingTar(box) });
    const size = () => Deno.stat(box.join("part/file")).then(({ size }) => size, () => 0);
    await eventually("tar writes", async () => await size() > 0 ? true : undefined);
    running.kill("SIGINT");
    assertFails(await running.outcome(), ExitCode.interrupted, /Interrupted; the target holds a part of the backup/);
    assert.ok(await size() < 8 * MEBIBYTE);
    await box.ok(["get", "large", "--target", box.join("part"), "--overwrite", "-q"]);
    assert.equal(await size(), 8 * MEBIBYTE);
  },
});

const reason = await whyNoSmallDisk();

Deno.test({
  name: `a full disk ends a replay, with what tar said${reason ? ` (skipped: ${reason})` : ""}`,
  ignore: reason !== undefined,
  async fn() {
    await using disk = await mountSmallDisk(2 * MEBIBYTE);
    await using box = await largeBackup(8 * MEBIBYTE);
    const outcome = await box.agent(["get", "large", "--target", join(disk.path, "copy")]);
    assertFails(outcome, ExitCode.failed, /Cannot restore into ".*copy": .*space.*; it holds a part of the backup/);
    assert.deepEqual(await box.names("locks"), []);
  },
});
