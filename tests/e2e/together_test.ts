/** Two agents and a restic at work on one repository at the same time: none of them hurts what another one wrote. */
import { equal, match } from "node:assert/strict";
import { hash } from "node:crypto";
import { ExitCode } from "../../src/base/errors.ts";
import { jsonHere, okHere } from "../helpers/agent_here.ts";
import { bulkNoise, type Sandbox, sandbox } from "../helpers/executable.ts";
import { programTest } from "../helpers/programs.ts";
import { Restic } from "../helpers/restic.ts";
import { concat } from "../helpers/world.ts";

const NIGHTS = 2;
/** Nobody has to wait as long, however often the others are let in first. */
const RETRY = ["--retry-lock", "10m"];
const LOCKED_OUT = /unable to create lock|repository is already locked/;

/** By id or name, what comes back has to have. */
type Md5s = ReadonlyMap<string, string>;

/** A night's stream: half of it is the night's before, so that what a prune takes for waste is needed again soon. */
function streamOf(writer: string, night: number): Uint8Array {
  return concat([bulkNoise(300_000, `${writer} ${night}`), bulkNoise(300_000, `${writer} ${night + 1}`)]);
}

/** Puts night after night and forgets the oldest backup each time; gives the MD5 of every backup that is left, by id. */
async function putNights(box: Sandbox, series: string): Promise<Md5s> {
  const md5s = new Map<string, string>();
  for (let night = 0; night < NIGHTS; night++) {
    const stream = streamOf(series, night);
    const [oldest] = md5s.keys();
    md5s.set(await box.put(series, stream, ...RETRY), hash("md5", stream));
    if (oldest === undefined) continue;
    await box.ok(["rm", `@${oldest}`, "--quiet", ...RETRY]);
    md5s.delete(oldest);
  }
  return md5s;
}

/** Prunes as much as can be, again and again, until the others are done and it was let in at least once. */
async function pruneUntil(box: Sandbox, others: Promise<unknown>): Promise<void> {
  let isOver = false;
  void others.then(() => isOver = true);
  let prunes = 0;
  while (!isOver || prunes === 0) {
    const { exitCode, stderr } = await box.agent(["prune", "--quiet", "--max-unused", "0", "--retry-lock", "3s"]);
    if (exitCode === ExitCode.done) prunes++;
    else equal(exitCode, ExitCode.locked, stderr);
  }
}

/** Backs up night after night with restic; gives the MD5 of each stream, by its name. */
async function backupNights(restic: Restic): Promise<Md5s> {
  const md5s = new Map<string, string>();
  for (let night = 0; night < NIGHTS; night++) {
    const name = `restic-${night}`;
    const stream = streamOf("restic", night);
    await backupWithRestic(restic, name, stream);
    md5s.set(name, hash("md5", stream));
  }
  return md5s;
}

/** Tries again while there are locks: no restic before 0.16 can wait, and later ones wait long between their tries. */
async function backupWithRestic(restic: Restic, name: string, stdin: Uint8Array): Promise<void> {
  for (let attempts = 0; attempts < 500; attempts++) {
    const { exitCode, stderr } = await restic.attempt(["backup", "--stdin", "--stdin-filename", name], { stdin });
    if (exitCode === 0) return;
    match(stderr, LOCKED_OUT);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("restic found the repository locked all the time");
}

programTest({
  name: "puts, prunes and a restic at the same time: every backup restores, and nobody finds a fault",
  needs: ["restic"],
  fn: async (programs) => {
    await using box = await sandbox();
    const restic = await Restic.in(box, programs.restic);
    const writers = [putNights(box, "one"), putNights(box, "two"), backupNights(restic)] as const;
    await pruneUntil(box, Promise.allSettled(writers));
    const [one, two, streams] = await Promise.all(writers);

    await okHere(box, ["check", "--read-data"]);
    await restic.check();
    for (const [id, md5] of [...one, ...two]) equal((await jsonHere(box, ["verify", `@${id}`]))[0]!.md5, md5, id);
    const snapshots = await restic.snapshots();
    equal(snapshots.length, one.size + two.size + streams.size);
    for (const [name, md5] of streams) {
      const { id } = snapshots.find(({ paths }) => paths.includes(`/${name}`))!;
      equal(await restic.md5(id, `/${name}`), md5, name);
    }
    equal((await box.names("locks")).length, 0);
    equal((await box.agent(["prune", "--quiet"])).exitCode, ExitCode.done);
  },
});
