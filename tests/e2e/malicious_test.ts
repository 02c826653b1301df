/** What somebody with the key put into a repository to do harm costs neither memory nor time, and is named. */
import assert from "node:assert/strict";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import { withStore } from "../../src/repository/repository.ts";
import { putHere } from "../helpers/agent_here.ts";
import { type Outcome, type Sandbox, sandbox } from "../helpers/executable.ts";
import { watched } from "../helpers/memory_limit.ts";
import { sqlDump } from "../helpers/world.ts";
import { addMillionBlobs, MALICIOUS_REPOSITORIES } from "../hostile/malicious_repositories.ts";

const DUMP = sqlDump(300, "malicious");
const MOST_BYTES = 400 * 10 ** 6;

for (const { name, spoil, isGoodReadable, finding } of MALICIOUS_REPOSITORIES) {
  Deno.test(`a repository with ${name} is listed, read and checked within 400 MB`, async () => {
    await using box = await sandbox();
    await putHere(box, "shop", DUMP);
    const repository = await box.open();
    const evil = await spoil(withStore(repository, openLocalStore(box.repo, { random: systemRandomBytes })));
    // What is in trees, a list does not read.
    if (!evil) await assertModest(box, ["ls"]);
    const got = await assertModest(box, ["get", "shop", "--no-lock"]);
    if (isGoodReadable) assert.deepEqual([got.exitCode, got.stdout], [0, new TextDecoder().decode(DUMP)], got.stderr);
    else assert.ok([0, 4].includes(got.exitCode), got.stderr);
    if (evil) assert.equal((await assertModest(box, ["get", evil, "--file", "data"])).exitCode, 4);
    const checked = await assertModest(box, ["check"]);
    assert.match(checked.stdout + checked.stderr, finding);
    assert.equal(checked.exitCode, checked.stdout.startsWith("OK") ? 0 : 4);
  });
}

Deno.test("an index of a million blobs opens", async () => {
  await using box = await sandbox();
  await putHere(box, "shop", DUMP);
  await addMillionBlobs(await box.open());
  const got = await assertModest(box, ["get", "shop"]);
  assert.deepEqual([got.exitCode, got.stdout, got.stderr.includes("warning")], [
    0,
    new TextDecoder().decode(DUMP),
    false,
  ]);
});

/** Runs the agent to its end; fails the test where it takes too much memory, never ends, or takes the harm for its own fault. */
async function assertModest(box: Sandbox, args: readonly string[]): Promise<Outcome> {
  await using running = box.start(args);
  await running.closeInput();
  const { outcome, peakBytes } = await watched(running);
  const what = `agent ${args.join(" ")}: ${outcome.stderr.slice(0, 1000)}`;
  assert.ok(peakBytes < MOST_BYTES, `${peakBytes} bytes of memory, ${what}`);
  assert.doesNotMatch(outcome.stderr, /fault of the program/);
  return outcome;
}
