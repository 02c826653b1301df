/** The built executable: a server that is killed and started again while a long put goes on. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { bulkNoise, EXECUTABLE, type Sandbox, sandbox } from "../helpers/executable.ts";
import { RemoteSandbox, Server } from "../helpers/servers.ts";

const STREAM_BYTES = 40_000_000;
const PIECE_BYTES = 1_000_000;
const KILLED_AFTER_BYTES = [12_000_000, 24_000_000];

/** Serves everything in the sandbox, its repository as `repo`. Port 0 takes any free one. */
function serve(box: Sandbox, port: string): Promise<Server> {
  const args = ["serve", "--no-auth", "--path", box.path, "--listen", `127.0.0.1:${port}`];
  return Server.start(box, EXECUTABLE, args, { address: /127\.0\.0\.1:(\d+)/ });
}

Deno.test("a put outlives a server that is killed and started again", async () => {
  await using box = await sandbox();
  let server = await serve(box, "0");
  try {
    const remote = new RemoteSandbox(box, server.repository("repo"));
    const stream = bulkNoise(STREAM_BYTES, "killed server");
    await using putting = remote.start(["put", "prod/shop", "--quiet"]);
    for (let at = 0; at < stream.length; at += PIECE_BYTES) {
      await putting.write(stream.subarray(at, at + PIECE_BYTES));
      if (!KILLED_AFTER_BYTES.includes(at)) continue;
      await server[Symbol.asyncDispose]();
      server = await serve(box, new URL(server.origin).port);
    }
    await putting.closeInput();
    const { exitCode, stderr } = await putting.outcome();
    assert.equal(exitCode, 0, stderr);
    assert.match(await remote.ok(["show", "prod/shop", "--md5sums"]), new RegExp(`^${hash("md5", stream)} `));
    await remote.ok(["verify", "prod/shop"]);
    await box.ok(["check", "--read-data"]);
    assert.deepEqual(await box.names("locks"), [], "no lock is left");
  } finally {
    await server[Symbol.asyncDispose]();
  }
});
