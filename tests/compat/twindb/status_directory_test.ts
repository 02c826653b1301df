/** Status files in a local directory. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { statusDirectory } from "../../../src/compat/twindb/status_directory.ts";
import { AgentError, UsageError } from "../../../src/base/errors.ts";
import { twinDbCopy } from "../../../src/compat/twindb/copy.ts";
import { TwinDbStatus } from "../../../src/compat/twindb/status_file.ts";

Deno.test("a status is saved below a directory, over an earlier one, and nothing else is left there", async () => {
  const directory = await Deno.makeTempDir({ prefix: "agent-status-" });
  try {
    const destination = statusDirectory(join(directory, "backups"));
    assert.equal((await TwinDbStatus.read(destination, "db1")).length, 0);
    const status = new TwinDbStatus("db1");
    await status.save(destination);
    status.add(twinDbCopy({ host: "db1", runType: "daily", name: "é".repeat(100), type: "full" }));
    await status.save(destination);
    assert.deepEqual([...await TwinDbStatus.read(destination, "db1")], [...status]);
    const names = await Array.fromAsync(Deno.readDir(join(directory, "backups", "db1")), ({ name }) => name);
    assert.deepEqual(names, ["status"]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("a path never leads out of the directory, and a refusal of the system is told", async () => {
  const directory = await Deno.makeTempDir({ prefix: "agent-status-" });
  try {
    const destination = statusDirectory(directory);
    for (const path of ["../status", "/status", "a/../../b", "a//b", "", "./a"]) {
      await assert.rejects(destination.read(path), UsageError, path);
      await assert.rejects(destination.write(path, ""), UsageError, path);
    }
    await Deno.mkdir(join(directory, "db1", "status"), { recursive: true });
    await assert.rejects(destination.read("db1/status"), AgentError);
    await assert.rejects(destination.write("db1/status", "x"), /Cannot write the status file/);
    const names = await Array.fromAsync(Deno.readDir(join(directory, "db1")), ({ name }) => name);
    assert.deepEqual(names, ["status"]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
