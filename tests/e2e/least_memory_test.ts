/** Every command works in the memory that docs/install.md promises, however much it reads; and a check takes little anywhere. */
import { Buffer } from "node:buffer";
import { equal, match, ok } from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { bulkNoise, type Outcome, type RunOptions, type Sandbox, sandbox } from "../helpers/executable.ts";
import { page } from "../helpers/documents.ts";
import { MemoryLimit, watched } from "../helpers/memory_limit.ts";
import { servingTest, whyNoServer } from "../helpers/agent_server.ts";
import { Server } from "../helpers/servers.ts";

const MIB = 1024 * 1024;
const PROMISED_MIB = Number(/\*\*(\d+) MiB without swap/.exec((await page("docs/install.md")).text)![1]);
const LIMIT_BYTES = PROMISED_MIB * MIB;
/** What a command may take of a machine with plenty: where no limit can be set, that is what can be looked at. */
const USUAL_BYTES = 280 * MIB + furtherThreads(8) * 32 * MIB;
/**
 * What a check of all data takes at most, whatever the size of the repository: some 190 MB, and more where the collectors
 * of garbage wait for a core.
 */
const MOST_CHECK_BYTES = 220e6 + furtherThreads(4) * 25e6;
/** Enough for packs and batches to pile up to the limit if they could. */
const STREAM_BYTES = 160 * MIB;
const STREAM = bulkNoise(STREAM_BYTES, "least memory");
/** Half of every pack of the first is not in it, so that a prune has to copy. */
const EVERY_OTHER_PIECE = everyOther(STREAM, 512 * 1024);

/** Threads beside the two of a machine with two cores, where there are `most` at most. */
function furtherThreads(most: number): number {
  return Math.max(0, Math.min(navigator.hardwareConcurrency, most) - 2);
}

function everyOther(bytes: Uint8Array<ArrayBuffer>, pieceBytes: number): Uint8Array<ArrayBuffer> {
  const half = new Uint8Array(bytes.length / 2);
  for (let at = 0; at < half.length; at += pieceBytes) half.set(bytes.subarray(2 * at, 2 * at + pieceBytes), at);
  return half;
}

Deno.test(`${PROMISED_MIB} MiB and no swap are enough for every command`, async (test) => {
  await using box = await sandbox();
  using limit = new MemoryLimit(LIMIT_BYTES);
  const run = (args: readonly string[], options?: RunOptions) => limit.agent(box, args, USUAL_BYTES, options);
  const done = async (args: readonly string[], options?: RunOptions): Promise<Outcome> => {
    const outcome = await run(args, options);
    equal(outcome.exitCode, ExitCode.done, `agent ${args.join(" ")}: ${outcome.stderr}`);
    return outcome;
  };
  let whole = "";
  await test.step("put", async () => {
    whole = (await done(["put", "whole", "-q"], { stdin: STREAM })).stdout.trim();
    await done(["put", "half", "-q"], { stdin: EVERY_OTHER_PIECE });
  });
  await test.step("get", async () => {
    await done(["get", "whole", "-q", "-o", box.join("out")]);
    ok(Buffer.compare(await Deno.readFile(box.join("out")), STREAM) === 0);
  });
  await test.step("verify", () => done(["verify", "whole", "-q"]).then(() => {}));
  await test.step("ls", async () => match((await done(["ls"])).stdout, /whole/));
  await test.step("check", () => done(["check", "-q"]).then(() => {}));
  await test.step("check --read-data", () => done(["check", "--read-data", "-q"]).then(() => {}));
  await test.step("copy", async () => {
    const copies = box.join("copies");
    await done(["init", "-q", "-r", copies]);
    await done(["copy", "-q", "-r", copies, "--from", box.repo, "--from-password-file", box.join("password")]);
  });
  await test.step("forget --prune", async () => {
    const bytes = await sizeOf(box);
    await done(["forget", whole, "--allow-last", "--prune", "--max-unused", "40%", "-q"]);
    ok(await sizeOf(box) < bytes, "nothing was pruned");
  });
  await test.step("prune", async () => {
    const bytes = await sizeOf(box);
    await done(["prune", "--max-unused", "0", "-q"]);
    ok(await sizeOf(box) < bytes, "nothing was pruned");
  });
  await test.step("repair", () => repairAll(box, run, done));
});

/** Bytes of all packs. */
async function sizeOf(box: Sandbox): Promise<number> {
  const sizes = await Promise.all((await box.packs()).map(async (path) => (await Deno.stat(path)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Damages a pack and repairs in the order that `check` tells. */
async function repairAll(
  box: Sandbox,
  run: (args: readonly string[]) => Promise<Outcome>,
  done: (args: readonly string[]) => Promise<Outcome>,
): Promise<void> {
  await box.damageLargestPack();
  equal((await run(["check", "--read-data", "-q"])).exitCode, ExitCode.integrity);
  for (const part of ["index", "packs", "snapshots"]) await done(["repair", part, "-q"]);
}

servingTest(`${PROMISED_MIB} MiB and no swap are enough to serve`, await whyNoServer(), async () => {
  await using box = await sandbox();
  using limit = new MemoryLimit(LIMIT_BYTES);
  const [program, ...words] = limit.command;
  const args = [...words, "serve", "--listen", "127.0.0.1:0", "--path", box.path, "--no-auth"];
  await using server = await Server.start(box, program!, args, { address: /127\.0\.0\.1:(\d+)/ });
  const env = { AGENT_REPOSITORY: server.repository("repo"), AGENT_CACHE_DIR: box.join("cache") };
  await Promise.all(["a", "b", "c"].map((series) => {
    return box.ok(["put", series, "-q"], { stdin: EVERY_OTHER_PIECE.subarray(0, 32 * MIB), env });
  }));
  await Promise.all(["a", "b", "c"].map((series) => box.ok(["verify", series, "-q"], { env })));
});

Deno.test("check --read-data takes 220 MB at most on two cores where there is plenty", async () => {
  await using box = await sandbox();
  await box.put("whole", STREAM);
  const peaks: number[] = [];
  // On a busy machine the collectors of garbage come late now and then: that is no property of the program.
  while (peaks.length < 4 && !peaks.some((bytes) => bytes <= MOST_CHECK_BYTES)) {
    await using running = box.start(["check", "--read-data", "-q"]);
    await running.closeInput();
    const { outcome, peakBytes } = await watched(running);
    equal(outcome.exitCode, ExitCode.done, outcome.stderr);
    ok(peakBytes > 0);
    peaks.push(peakBytes);
  }
  ok(Math.min(...peaks) <= MOST_CHECK_BYTES, `took ${peaks.join(", ")} bytes`);
});
