/** Failed uploads wait until the answer was read. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Duplex } from "node:stream";
import { holdWriteFailures } from "../../../src/store/http/late_failures.ts";

/** A socket whose writes fail as soon as the other side has closed. */
function closedSocket(): Duplex {
  return new Duplex({
    read() {},
    write(_chunk, _encoding, done) {
      done(new Error("EPIPE"));
    },
  });
}

Deno.test("a write that failed is told after the last byte that came", async () => {
  const socket = closedSocket();
  holdWriteFailures(socket);
  const events: string[] = [];
  socket.on("error", ({ message }) => events.push(message));
  socket.on("data", (piece) => events.push(String(piece)));
  socket.write("upload");
  await new Promise((resolve) => setTimeout(resolve));
  socket.push("answer");
  socket.push(null);
  await once(socket, "close").catch(() => {});
  assert.deepEqual(events, ["answer", "EPIPE"]);
});

Deno.test("a socket that is destroyed keeps nobody waiting for a failed write", async () => {
  const socket = closedSocket();
  holdWriteFailures(socket);
  const told = new Promise((resolve) => socket.write("upload", resolve));
  socket.on("error", () => {});
  socket.destroy();
  assert.ok(await told instanceof Error);
});
