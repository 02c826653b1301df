/** The agent on real S3 servers, OpenStack Swift and Ceph: alone, beside restic, and with a storage device lost. */
import { deepEqual, doesNotMatch, equal } from "node:assert/strict";
import { hash } from "node:crypto";
import { systemClock } from "../../src/base/clock.ts";
import { ExitCode } from "../../src/base/errors.ts";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import { openStore } from "../../src/store/built_in.ts";
import { runAgentHere } from "../helpers/agent_here.ts";
import { assertFails, bulkNoise, emptySandbox, type Sandbox } from "../helpers/executable.ts";
import { programTest } from "../helpers/programs.ts";
import { cheapenKey } from "../helpers/rest_servers.ts";
import { Restic } from "../helpers/restic.ts";
import { type S3Engine, type S3Server, startS3Server } from "../helpers/s3_servers.ts";
import { RemoteSandbox } from "../helpers/servers.ts";
import { PASSWORD, sqlDump, withRows } from "../helpers/world.ts";

runAgentHere();

const FIRST = sqlDump(6_000, "shop");
const SECOND = withRows(FIRST, { at: 200_000, rows: 200, seed: "second" });
const THIRD = withRows(SECOND, { at: 100_000, rows: 200, seed: "third" });
const BULK = bulkNoise(24_000_000, "bulk");
const STDIN = ["backup", "--stdin", "--stdin-filename", "shop.sql"];

/** A server under way with a directory for its clients, and the program's further commands. */
class S3World implements AsyncDisposable {
  readonly box: Sandbox;
  readonly server: S3Server;
  readonly #program: string;

  private constructor(box: Sandbox, server: S3Server, program: string) {
    this.box = box;
    this.server = server;
    this.#program = program;
  }

  static async start(program: string, engine: S3Engine): Promise<S3World> {
    const box = await emptySandbox();
    await box.file("password", `${PASSWORD}\n`);
    // Tells which folder the server lives in, for the commands that take its devices away.
    const recorder = await box.file("recorder", `#!/bin/bash\necho "$2" >"${box.path}/folder"\nexec ${program} "$@"\n`);
    await Deno.chmod(recorder, 0o755);
    return new S3World(box, await startS3Server(recorder, engine), program);
  }

  /** The agent's way to a repository in a bucket. */
  client(place: string, env: Readonly<Record<string, string>> = {}): RemoteSandbox {
    return new RemoteSandbox(this.box, `s3:${this.server.endpoint}/${place}`, { ...this.server.env, ...env });
  }

  /** A repository in a new bucket, made by the agent, whose password costs little time from then on. */
  async repository(place: string): Promise<RemoteSandbox> {
    const client = this.client(place);
    await client.ok(["init"]);
    const store = await openStore(client.repo, {
      clock: systemClock,
      random: systemRandomBytes,
      env: (name) => this.server.env[name],
    });
    try {
      await cheapenKey(store);
    } finally {
      await store.close();
    }
    return client;
  }

  /** Runs a command of the server's program, such as `lose-device`. */
  async control(command: string, ...args: string[]): Promise<void> {
    const { exitCode, stderr } = await this.box.shell(
      `command=$1; shift; ${this.#program} "$command" "$(<folder)" "$@"`,
      command,
      ...args,
    );
    equal(exitCode, 0, stderr);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop();
    await this.box[Symbol.asyncDispose]();
  }
}

/** Fails the test unless the latest backup of a series is these bytes, by `get` and by `verify`. */
async function assertHolds(client: Sandbox, series: string, bytes: Uint8Array): Promise<void> {
  const script = `set -o pipefail; "$AGENT" get "$1" --quiet | md5sum | cut -c 1-32`;
  const { exitCode, stdout, stderr } = await client.shell(script, series);
  deepEqual([exitCode, stdout], [0, `${hash("md5", bytes)}\n`], stderr);
  equal((await client.json(["verify", series]))[0]!.md5, hash("md5", bytes));
}

/** Two puts, and everything that reads. */
async function putAndRead(client: Sandbox): Promise<void> {
  const [first] = await client.json(["put", "prod/shop"], { stdin: FIRST });
  const [second] = await client.json(["put", "prod/shop"], { stdin: SECOND });
  deepEqual([first!.level, second!.level], [0, 1]);
  await assertHolds(client, "prod/shop", SECOND);
  deepEqual((await client.json(["ls"])).map(({ id }) => id), [first!.id, second!.id]);
  await client.ok(["check", "--read-data"]);
}

/**
 * A device is lost in the middle of a put and comes back later: what was committed is whole. Swift's listings may be old
 * until all its replicas agree again.
 */
async function putThroughLoss(world: S3World, client: Sandbox): Promise<void> {
  const putting = client.start(["put", "bulk", "--quiet"]);
  try {
    await putting.write(BULK.subarray(0, BULK.length / 2));
    await world.control("lose-device", "1");
    await putting.write(BULK.subarray(BULK.length / 2));
    await putting.closeInput();
    const { exitCode, stderr } = await putting.outcome();
    equal(exitCode, ExitCode.done, stderr);
  } finally {
    await putting[Symbol.asyncDispose]();
    await world.control("restore-device", "1");
    await world.control("heal");
  }
  await assertHolds(client, "bulk", BULK);
  await client.ok(["check", "--read-data"]);
}

/** Wrong credentials and places that are not there: one line each, without the secret. */
async function refusals(world: S3World): Promise<void> {
  const secret = "do+not/tell+anybody";
  const cases: readonly [Sandbox, ExitCode, RegExp][] = [
    [world.client("shop/main", { AWS_SECRET_ACCESS_KEY: secret }), ExitCode.failed, /credentials|key|signature/i],
    [world.client("shop/main", { AWS_ACCESS_KEY_ID: "AKIANOBODY" }), ExitCode.failed, /credentials|key|signature/i],
    [world.client("shop/elsewhere"), ExitCode.noRepository, /repository/],
    [world.client("no-such-bucket/main"), ExitCode.noRepository, /bucket|repository/],
  ];
  for (const [client, exitCode, message] of cases) {
    const outcome = await client.agent(["ls"]);
    assertFails(outcome, exitCode, message);
    doesNotMatch(outcome.stderr, /do\+not/);
    doesNotMatch(outcome.stderr, new RegExp(world.server.env.AWS_SECRET_ACCESS_KEY!));
  }
}

/** Each writes what the other reads, in a repository that either of them made. */
async function shareWithRestic(world: S3World, program: string): Promise<void> {
  const ours = await world.repository("shared/ours");
  const restic = await Restic.in(ours, program);
  await ours.put("prod/shop", FIRST);
  await restic.ok(STDIN, { stdin: FIRST });
  await Promise.all([ours.put("prod/shop", SECOND), restic.ok(STDIN, { stdin: SECOND })]);
  await assertHolds(ours, "shop.sql", SECOND);
  equal(await restic.md5("latest", "/prod/shop/data", "--path", "/prod/shop"), hash("md5", SECOND));
  await restic.check();

  const theirs = world.client("shared/theirs");
  const maker = await Restic.in(theirs, program);
  await maker.ok(["init"]);
  await maker.ok(STDIN, { stdin: SECOND });
  await theirs.put("prod/shop", THIRD);
  await assertHolds(theirs, "prod/shop", THIRD);
  await maker.ok(["prune", "--max-unused", "0"]);
  await maker.check();
  await theirs.ok(["check", "--read-data"]);
}

programTest({
  name: "the agent on OpenStack Swift",
  needs: ["s3-server"],
  fn: async (programs, test) => {
    await using world = await S3World.start(programs["s3-server"], "swift");
    const client = await world.repository("shop/main");
    await test.step("put, get, ls, check and verify", () => putAndRead(client));
    await test.step("wrong credentials and places are told", () => refusals(world));
    await test.step("a device is lost in the middle of a put", () => putThroughLoss(world, client));
  },
});

programTest({
  name: "the agent and restic on Ceph",
  needs: ["s3-server", "restic-newest"],
  fn: async (programs, test) => {
    await using world = await S3World.start(programs["s3-server"], "ceph");
    const client = await world.repository("shop/main");
    await test.step("put, get, ls, check and verify", () => putAndRead(client));
    await test.step("restic and the agent share repositories", () => shareWithRestic(world, programs["restic-newest"]));
    await test.step("wrong credentials and places are told", () => refusals(world));
    await test.step("a device is lost in the middle of a put", () => putThroughLoss(world, client));
  },
});
