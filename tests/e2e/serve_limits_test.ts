/** `agent serve` at its limits, with the agent as its client: a full disk, few open files, and a server that is killed. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { ExitCode } from "../../src/base/errors.ts";
import { mountSmallDisk, whyNoSmallDisk } from "../fault/small_disk.ts";
import { servingTest, startAgentServer, whyNoServer } from "../helpers/agent_server.ts";
import { assertFails, bulkNoise, emptySandbox, eventually, EXECUTABLE, type Sandbox } from "../helpers/executable.ts";
import { makeServedRepository, served } from "../helpers/rest_servers.ts";
import { RemoteSandbox, Server } from "../helpers/servers.ts";
import { PASSWORD } from "../helpers/world.ts";
import { filesBelow } from "../store/local_fixture.ts";

const MEBIBYTE = 2 ** 20;
const noServer = await whyNoServer();
const noDisk = noServer ?? await whyNoSmallDisk();

/** A sandbox for clients, with a repository `shop` where the server will look for it. */
async function sandboxWithShop(): Promise<Sandbox> {
  const box = await emptySandbox();
  await box.file("password", `${PASSWORD}\n`);
  await makeServedRepository(box, "shop");
  return box;
}

servingTest(
  "a full disk of the server ends a put with one line, leaves nothing, and once there is room it works",
  noDisk,
  async () => {
    await using disk = await mountSmallDisk(56 * MEBIBYTE);
    await using box = await emptySandbox();
    await box.file("password", `${PASSWORD}\n`);
    await Deno.symlink(disk.path, served(box));
    await makeServedRepository(box, "shop");
    await using server = await startAgentServer(box);
    const client = new RemoteSandbox(box, server.repository("shop"));
    const first = (await client.ok(["put", "s", "-q"], { stdin: "before" })).trim();
    const ballast = join(disk.path, "ballast");
    await Deno.writeFile(ballast, new Uint8Array(40 * MEBIBYTE));

    const stream = bulkNoise(32 * MEBIBYTE, "full");
    assertFails(await client.agent(["put", "s", "-q"], { stdin: stream }), ExitCode.failed, /space|full/);
    assert.deepEqual((await filesBelow(disk.path)).filter((path) => path.includes("-tmp-")), []);
    assert.match(server.output, /no space is left/);
    await client.ok(["check", "--read-data", "--no-lock"]);

    await Deno.remove(ballast);
    await client.ok(["check", "--read-data"]);
    assert.deepEqual((await client.json(["ls"])).map(({ id }) => id), [first]);
    await client.ok(["put", "s", "-q"], { stdin: stream });
    await client.ok(["verify", "s"]);
  },
);

servingTest(
  "a server that may open few files says so, and outlives more connections than it has room for",
  noServer,
  async () => {
    await using box = await sandboxWithShop();
    const script = 'ulimit -n 320; exec "$0" "$@" 2>&1';
    const args = ["-c", script, EXECUTABLE, "serve", "--path", served(box), "--listen", "127.0.0.1:0", "--no-auth"];
    await using server = await Server.start(box, "bash", args, { address: /127\.0\.0\.1:(\d+)/ });
    assert.match(server.output, /limit of 320 open files leaves room for 32 connections/);
    const port = Number(new URL(server.origin).port);
    const sockets = await Promise.all(Array.from({ length: 400 }, () => dial(port)));
    const client = new RemoteSandbox(box, server.repository("shop"));
    await client.ok(["put", "s", "-q"], { stdin: "with many around" });
    for (const socket of sockets) socket.destroy();
    assert.equal(await client.ok(["get", "s"]), "with many around");
  },
);

function dial(port: number): Promise<Socket> {
  return new Promise((resolve) => {
    const socket: Socket = connect({ host: "127.0.0.1", port }, () => resolve(socket));
    socket.on("error", () => {});
  });
}

servingTest(
  "a server that is killed in the middle of an upload shows nothing of it when it is back",
  noServer,
  async () => {
    await using box = await sandboxWithShop();
    const content = "half of it";
    {
      await using server = await startAgentServer(box);
      const socket = await dial(Number(new URL(server.origin).port));
      socket.write(`POST /shop/index/${"a".repeat(64)} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n${content}`);
      await eventually("the upload", async () => {
        return (await filesBelow(served(box))).some((path) => path.includes("-tmp-")) || undefined;
      });
      Deno.kill(server.pid, "SIGKILL");
      socket.destroy();
    }
    await using server = await startAgentServer(box);
    const client = new RemoteSandbox(box, server.repository("shop"));
    await client.ok(["put", "s", "-q"], { stdin: content });
    await client.ok(["check", "--read-data"]);
    assert.equal(await client.ok(["get", "s"]), content);
  },
);
