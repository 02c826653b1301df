/** Pipes that are made to hold more. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { enlargePipe, USUAL_PIPE_BYTES } from "../../src/filesystem/pipe.ts";
import { programTest } from "../helpers/programs.ts";

programTest({
  name: "an enlarged pipe takes more than a usual one before its writer has to wait",
  needs: ["mkfifo"],
  async fn({ mkfifo }) {
    const directory = await Deno.makeTempDir();
    const path = join(directory, "pipe");
    execFileSync(mkfifo, [path]);
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    try {
      const bytes = new Uint8Array(USUAL_PIPE_BYTES);
      writeSync(fd, bytes);
      assert.throws(() => writeSync(fd, bytes), Deno.errors.WouldBlock, "it is full");
      enlargePipe(fd);
      assert.equal(writeSync(fd, bytes), bytes.length);
    } finally {
      closeSync(fd);
      await Deno.remove(directory, { recursive: true });
    }
  },
});

Deno.test("what is no pipe stays as it is", async () => {
  const path = await Deno.makeTempFile();
  const fd = openSync(path, "w");
  try {
    enlargePipe(fd);
    assert.equal(writeSync(fd, new Uint8Array(10)), 10);
  } finally {
    closeSync(fd);
    await Deno.remove(path);
  }
});
