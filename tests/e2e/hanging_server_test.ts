/** A server that takes connections and says nothing any more: whoever waits for it can be stopped. */
import assert from "node:assert/strict";
import type { RequestListener } from "node:http";
import { ExitCode } from "../../src/base/errors.ts";
import { okHere } from "../helpers/agent_here.ts";
import { servingTest, whyNoServer } from "../helpers/agent_server.ts";
import { assertFails, bulkNoise, eventually, EXECUTABLE, sandbox } from "../helpers/executable.ts";
import { forwarding, withHttpServer } from "../helpers/http_server.ts";
import { RemoteSandbox, Server } from "../helpers/servers.ts";

const noServer = await whyNoServer();

/** As promised it is two seconds; the rest is for a machine that is busy with other tests. */
const LONGEST_TIDYING_MS = 30_000;

/** Enough for the first of two packs that are filled side by side. */
const MORE_THAN_A_PACK = 28 * 1024 * 1024;

/** From the first request of such a kind on nothing is answered. */
const MOMENTS: Readonly<Record<string, RegExp>> = {
  "before anything": /^GET /,
  "while it locks": /^POST .*\/locks\//,
  "in the middle of a pack": /^POST .*\/data\//,
};

for (const [moment, from] of Object.entries(MOMENTS)) {
  servingTest(`SIGINT ends a put whose server hangs ${moment}; the next one needs no unlock`, noServer, async () => {
    await using box = await sandbox();
    const serve = ["serve", "--no-auth", "--path", box.path, "--listen", "127.0.0.1:0"];
    await using server = await Server.start(box, EXECUTABLE, serve, { address: /127\.0\.0\.1:(\d+)/ });
    let hangs = false;
    await withHttpServer(hangingFrom(from, server.origin, () => hangs = true), async (origin) => {
      await using put = new RemoteSandbox(box, `rest:${origin}/repo/`).start(["put", "s"]);
      const written = put.write(bulkNoise(MORE_THAN_A_PACK, moment));
      await eventually("the server to hang", () => hangs || undefined);
      const sentMs = performance.now();
      put.kill("SIGINT");
      assertFails(await put.outcome(), ExitCode.interrupted, /^agent: Interrupted\n$/);
      const tookMs = performance.now() - sentMs;
      assert.ok(tookMs < LONGEST_TIDYING_MS, `the end came after ${tookMs} ms`);
      await written;
    });
    assert.deepEqual(await box.names("snapshots"), []);
    await box.put("s", "the next one");
    await okHere(box, ["check", "--read-data"]);
  });
}

/** Hands requests on to the server at `origin` until one comes that looks like `first`; leaves that and the rest alone. */
function hangingFrom(first: RegExp, origin: string, onHang: () => void): RequestListener {
  const passOn = forwarding(origin, ["content-type", "range", "accept"]);
  let hangs = false;
  return (request, response) => {
    hangs ||= first.test(`${request.method} ${request.url}`);
    if (hangs) onHang();
    else passOn(request, response);
  };
}
