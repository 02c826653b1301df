/** The agent as a client of every server of restic's REST protocol, alone and beside restic. */
import { deepEqual, equal, match } from "node:assert/strict";
import { hash } from "node:crypto";
import { runAgentHere } from "../helpers/agent_here.ts";
import { startAgentServer } from "../helpers/agent_server.ts";
import { makeCertificate } from "../helpers/certificates.ts";
import { bulkNoise, emptySandbox, jsonRows, type Sandbox } from "../helpers/executable.ts";
import { forwarding, withHttpServer } from "../helpers/http_server.ts";
import { programTest } from "../helpers/programs.ts";
import {
  cheapenServedRepository,
  makeServedRepository,
  type RestServerOptions,
  startRcloneRest,
  startRestServer,
} from "../helpers/rest_servers.ts";
import { Restic } from "../helpers/restic.ts";
import { RemoteSandbox, type Server } from "../helpers/servers.ts";
import { noise, PASSWORD, sqlDump, withRows } from "../helpers/world.ts";

runAgentHere();

const ALICE = { user: "alice", password: "wönder/land:@" };
const FIRST = sqlDump(6_000, "shop");
const SECOND = withRows(FIRST, { at: 200_000, rows: 200, seed: "second" });
const THIRD = withRows(SECOND, { at: 100_000, rows: 200, seed: "third" });
const STDIN = ["backup", "--stdin", "--stdin-filename", "shop.sql"];

/** A kind of server: the programs it takes and how it is started. */
interface ServerKind {
  readonly name: string;
  readonly needs: readonly string[];
  readonly start: (programs: Programs, box: Sandbox, options?: RestServerOptions) => Promise<Server>;
}

type Programs = Readonly<Record<string, string>>;

const KINDS: readonly ServerKind[] = [
  { name: "agent serve", needs: [], start: (_, box, options) => startAgentServer(box, options) },
  {
    name: "restic's rest-server",
    needs: ["restic-rest-server"],
    start: (programs, box, options) => startRestServer(programs["restic-rest-server"]!, box, options),
  },
  {
    name: "rclone serve restic",
    needs: ["rclone"],
    start: (programs, box, options) => startRcloneRest(programs.rclone!, box, options),
  },
];

/** Fails the test unless the latest backup of a series is these bytes, by `get` and by `verify`. */
async function assertHolds(box: Sandbox, series: string, bytes: Uint8Array): Promise<void> {
  const { exitCode, stdout, stderr } = await box.shell(
    `set -o pipefail; "$AGENT" get "$1" --quiet | md5sum | cut -c 1-32`,
    series,
  );
  deepEqual([exitCode, stdout], [0, `${hash("md5", bytes)}\n`], stderr);
  const [verified] = await box.json(["verify", series]);
  equal(verified!.md5, hash("md5", bytes));
}

/** Everything a client does with a repository that is not there yet. */
async function initPutGet(client: Sandbox, box: Sandbox, ...repository: string[]): Promise<void> {
  await client.ok(["init"]);
  await cheapenServedRepository(box, ...repository);
  const [first] = await client.json(["put", "prod/shop"], { stdin: FIRST });
  const { stdout, stderr } = await client.agent(["put", "prod/shop", "--json"], { stdin: SECOND });
  const [second] = jsonRows(stdout);
  deepEqual([first!.level, second!.level], [0, 1], stderr);
  const added = `${second!.bytesAdded} bytes after ${first!.bytesAdded}: ${stderr}`;
  equal(Number(second!.bytesAdded) < Number(first!.bytesAdded) / 2, true, added);
  await assertHolds(client, "prod/shop", SECOND);
  deepEqual((await client.json(["ls"])).map(({ id, level }) => [id, level]), [[first!.id, 0], [second!.id, 1]]);
  await client.ok(["check", "--read-data"]);
}

for (const { name, needs, start } of KINDS) {
  programTest({
    name: `init, put, get, ls, check and verify on ${name}`,
    needs,
    fn: async (programs) => {
      await using box = await emptySandbox();
      await box.file("password", `${PASSWORD}\n`);
      await using server = await start(programs, box);
      await initPutGet(new RemoteSandbox(box, server.repository("shop")), box, "shop");
    },
  });

  programTest({
    name: `the same on ${name} with a user, in the URL and in the environment, over TLS`,
    needs: [...needs, "openssl"],
    fn: async (programs) => {
      await using box = await emptySandbox();
      await box.file("password", `${PASSWORD}\n`);
      const certificate = await makeCertificate(box);
      await using server = await start(programs, box, { certificate, users: [ALICE], privateRepos: true });
      const trust = { AGENT_CACERT: certificate.authorityFile };
      await initPutGet(new RemoteSandbox(box, server.repository("alice/shop", ALICE), trust), box, "alice", "shop");
      const login = { RESTIC_REST_USERNAME: ALICE.user, RESTIC_REST_PASSWORD: ALICE.password };
      const client = new RemoteSandbox(box, server.repository("alice/shop"), { ...trust, ...login });
      await assertHolds(client, "prod/shop", SECOND);
    },
  });

  programTest({
    name: `restic and the agent put by turns, and at the same time, on ${name}`,
    needs: [...needs, "restic-newest"],
    fn: async (programs: Programs) => {
      await using box = await emptySandbox();
      await makeServedRepository(box, "shop");
      await using server = await start(programs, box);
      const client = new RemoteSandbox(box, server.repository("shop"));
      const restic = await Restic.in(client, programs["restic-newest"]!);

      await client.put("prod/shop", FIRST);
      await restic.ok(STDIN, { stdin: FIRST });
      await client.put("prod/shop", SECOND);
      await restic.ok(STDIN, { stdin: SECOND });
      await assertHolds(client, "shop.sql", SECOND);
      equal(await restic.md5("latest", "/prod/shop/data", "--path", "/prod/shop"), hash("md5", SECOND));

      const [ours, theirs] = [bulkNoise(6_000_000, "ours"), bulkNoise(6_000_000, "theirs")];
      await Promise.all([
        client.put("prod/shop", THIRD),
        client.put("blog", ours),
        restic.ok([...STDIN.slice(0, -1), "bulk"], { stdin: theirs }),
        restic.ok(STDIN, { stdin: THIRD }),
      ]);
      for (const [series, bytes] of [["prod/shop", THIRD], ["blog", ours], ["bulk", theirs], ["shop.sql", THIRD]]) {
        await assertHolds(client, series as string, bytes as Uint8Array);
      }
      deepEqual((await client.json(["ls", "prod/shop"])).map(({ level }) => level), [0, 1, 2]);
      await restic.check();
      await client.ok(["check", "--read-data"]);
    },
  });
}

programTest({
  name: "a server that only appends takes puts of the agent, and keeps its repository free of locks",
  needs: ["restic-rest-server"],
  fn: async (programs) => {
    for (const { start } of KINDS.slice(0, 2)) {
      await using box = await emptySandbox();
      await makeServedRepository(box, "shop");
      await using server = await start(programs, box, { appendOnly: true });
      const client = new RemoteSandbox(box, server.repository("shop"));
      await client.put("prod/shop", FIRST);
      await client.put("prod/shop", noise(100_000, "other"), "--guard", "none");
      await client.ok(["check", "--read-data"]);
      deepEqual(await Array.fromAsync(Deno.readDir(box.join("served", "shop", "locks"))), []);
    }
  },
});

Deno.test("a server that lists names without sizes, as the first version of the protocol does", async () => {
  await using box = await emptySandbox();
  await makeServedRepository(box, "shop");
  await using server = await startAgentServer(box);
  await withHttpServer(forwarding(server.origin, ["range"]), async (origin) => {
    const listed = await (await fetch(`${origin}/shop/keys/`)).json();
    match(listed[0], /^[0-9a-f]{64}$/);
    const client = new RemoteSandbox(box, `rest:${origin}/shop/`);
    await client.put("prod/shop", FIRST);
    await client.put("prod/shop", SECOND);
    await assertHolds(client, "prod/shop", SECOND);
    await client.ok(["check", "--read-data"]);
  });
});
