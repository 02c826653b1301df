/** What restic changes in a repository of ours: snapshots rewritten or copied, packs and indexes made anew. */
import { deepEqual, equal, match } from "node:assert/strict";
import { hash } from "node:crypto";
import { ExitCode } from "../../src/base/errors.ts";
import { runAgentHere } from "../helpers/agent_here.ts";
import { assertFails, type JsonRow, type Sandbox, sandbox } from "../helpers/executable.ts";
import { programTest } from "../helpers/programs.ts";
import { Restic, resticTest } from "../helpers/restic.ts";
import { noise, sqlDump, withRows } from "../helpers/world.ts";

runAgentHere();

const FIRST = sqlDump(6_000, "shop");
const SECOND = withRows(FIRST, { at: 200_000, rows: 200, seed: "second" });
const THIRD = withRows(SECOND, { at: 100_000, rows: 200, seed: "third" });

/** What a list says that nothing restic does may change. */
const essence = ({ id, series, host, started, level, parent, base, size, added, guard }: JsonRow) => (
  { id, series, host, started, level, parent, base, size, added, guard }
);

const listed = async (box: Sandbox, ...args: string[]) => (await box.json(["ls", ...args])).map(essence);

async function assertSound(box: Sandbox, series: string, bytes: Uint8Array): Promise<void> {
  const [verified] = await box.json(["verify", series]);
  deepEqual([verified!.md5, verified!.compared], [hash("md5", bytes), true]);
  await box.ok(["check", "--read-data"]);
}

resticTest("what restic tags or rewrites keeps its manifest, its id and its place in the chain", async (program) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  await box.put("prod/shop", FIRST, "--chunk-size", "4K");
  await box.put("prod/shop", SECOND);
  await box.put("blog", noise(50_000, "blog"));
  const before = await listed(box);

  if (restic.minor >= 16) {
    match(await restic.ok(["rewrite", "--exclude", "no-such-file"]), /no snapshots were modified/);
  }
  await restic.ok(["tag", "--add", "kept"]);
  deepEqual((await restic.snapshots()).map(({ tags }) => tags), [["kept"], ["kept"], ["kept"]]);
  deepEqual(await listed(box), before);
  deepEqual((await box.json(["ls", "--tag", "kept"])).length, 3);
  await assertSound(box, "prod/shop", SECOND);
  await assertSound(box, `@${before[0]!.id}`, FIRST);

  const third = essence((await box.json(["put", "prod/shop"], { stdin: THIRD }))[0]!);
  deepEqual([third.level, third.parent, third.base], [2, before[1]!.id, before[0]!.id]);
  deepEqual((await box.json(["chain", "prod/shop"])).map(essence), [before[0], before[1], third]);
  const [shown] = await box.json(["show", "prod/shop"]);
  equal((shown!.manifest as { chunker: { average: number } }).chunker.average, 4096, "cut as the series was");
  await restic.check();
});

resticTest("what restic tags is remembered: less is refused, and what shrank stays marked", async (program) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  await box.put("prod/shop", FIRST);
  const small = await box.put("prod/shop", sqlDump(100, "small"), "-q");
  await restic.ok(["tag", "--add", "kept"]);
  deepEqual((await restic.snapshots()).map(({ tags }) => tags), [["kept"], ["kept"]]);
  deepEqual((await box.json(["ls"])).map(({ shrunk }) => shrunk), [false, true]);
  const refused = await box.agent(["put", "prod/shop"], { stdin: "no such service\n" });
  assertFails(refused, ExitCode.source, new RegExp(`of backup ${small.slice(0, 8)} .* was mysqldump`));
  const { stderr } = await box.agent(["put", "prod/shop", "-q"], { stdin: sqlDump(1, "smaller") });
  match(stderr, new RegExp(`shrank: .* of backup ${small.slice(0, 8)} `));
  await restic.check();
});

programTest({
  name: "snapshots that restic rewrites under another host are ours, beside the originals",
  needs: ["restic-newest"],
  fn: async (programs) => {
    await using box = await sandbox();
    const restic = await Restic.in(box, programs["restic-newest"]);
    await box.put("prod/shop", FIRST, "--host", "old");
    await restic.ok(["rewrite", "--new-host", "new"]);
    const backups = await listed(box);
    const [original] = backups.filter(({ host }) => host === "old");
    const [copy] = backups.filter(({ host }) => host === "new");
    deepEqual(copy, { ...original, host: "new" });
    await assertSound(box, `@${original!.id}`, FIRST);
    const [next] = await box.json(["put", "prod/shop", "--host", "new"], { stdin: SECOND });
    deepEqual([next!.level, next!.parent], [1, original!.id]);
  },
});

resticTest("what restic copies into another repository goes on there", async (program) => {
  await using from = await sandbox();
  await from.put("prod/shop", FIRST);
  await from.put("prod/shop", SECOND);
  await using to = await sandbox();
  const restic = await Restic.in(to, program);
  await restic.copyFrom(from.repo);
  await restic.check();
  deepEqual(await listed(to), await listed(from));
  await assertSound(to, "prod/shop", SECOND);
  const [first] = await listed(to);
  await assertSound(to, `prod/shop@${first!.id}`, FIRST);
  const [third] = await to.json(["put", "prod/shop"], { stdin: THIRD });
  equal(third!.level, 2);
  await assertSound(to, "prod/shop", THIRD);
  await restic.check();
});

resticTest("after forget, prune and a new index what is kept is whole, and the chain goes on", async (program) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  await box.put("blog", noise(300_000, "blog"));
  await box.put("prod/shop", FIRST);
  await box.put("prod/shop", SECOND);
  const [, , kept] = await listed(box);

  await restic.ok(["forget", "--keep-last", "1", "--prune"]);
  equal((await listed(box, "prod/shop")).length, 1);
  await assertSound(box, "prod/shop", SECOND);
  await restic.ok(["prune", "--max-unused", "0"]);
  await restic.repairIndex();
  await assertSound(box, "prod/shop", SECOND);
  await restic.check();

  const [third] = await box.json(["put", "prod/shop"], { stdin: THIRD });
  deepEqual([third!.level, third!.parent], [2, kept!.id]);
  const chain = await box.json(["chain", "prod/shop"]);
  deepEqual(chain.map(({ level, gone }) => [level, gone]), [[0, true], [1, false], [2, false]]);
  await box.shell(`rm -rf repo/index/*`);
  await restic.repairIndex();
  await assertSound(box, "prod/shop", THIRD);
  await assertSound(box, "blog", noise(300_000, "blog"));
  await restic.check();
});

resticTest("restic and the agent put into one repository by turns", async (program) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  const file = await box.file("files/sub/notes.txt", noise(40_000, "notes"));
  await box.put("prod/shop", FIRST);
  await restic.ok(["backup", "--stdin", "--stdin-filename", "shop.sql"], { stdin: FIRST });
  await box.put("prod/shop", SECOND);
  await restic.ok(["backup", box.join("files")]);
  await box.put("prod/shop", THIRD);
  await restic.ok(["backup", "--stdin", "--stdin-filename", "shop.sql"], { stdin: SECOND });

  deepEqual((await box.json(["ls", "prod/shop"])).map(({ level }) => level), [0, 1, 2]);
  await assertSound(box, "prod/shop", THIRD);
  const [streamed] = await box.json(["verify", "shop.sql"]);
  deepEqual([streamed!.md5, streamed!.compared], [hash("md5", SECOND), false]);
  const { stdout } = await box.shell(
    `"$AGENT" get "$1" --file notes.txt --quiet | cmp - "$2" && echo same`,
    box.join("files").slice(1),
    file,
  );
  equal(stdout, "same\n");
  await restic.check();
});
