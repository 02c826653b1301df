/** Standard output whose reader goes away, and standard streams that fail for another reason. */
import { strict as assert } from "node:assert";
import { AgentError } from "../../../src/base/errors.ts";
import type { Output } from "../../../src/cli/terminal/input_output.ts";
import { readByOthers, standardInput } from "../../../src/cli/terminal/standard_streams.ts";

function failing(error: Error): { output: Output; tries: () => number } {
  let tries = 0;
  const write = () => (tries++, Promise.reject(error));
  return { output: { isTerminal: false, columns: () => 80, write }, tries: () => tries };
}

Deno.test("what nobody reads is dropped, and whoever has to know can ask", async () => {
  const { output, tries } = failing(new Deno.errors.BrokenPipe("Broken pipe (os error 32)"));
  const read = readByOthers(output, { isClosed: false });
  assert.equal(read.isClosed!(), false);
  await read.write(new Uint8Array(1));
  assert.equal(read.isClosed!(), true);
  await read.write(new Uint8Array(1));
  assert.equal(tries(), 1, "nobody is asked again");
});

Deno.test("a full disk is an error", async () => {
  const { output } = failing(new Error("No space left on device (os error 28)"));
  const read = readByOthers(output, { isClosed: false });
  await assert.rejects(read.write(new Uint8Array(1)), (error) => {
    assert.ok(error instanceof AgentError);
    assert.equal(error.message, "Standard output cannot be written: No space left on device");
    return true;
  });
  assert.equal(read.isClosed!(), false);
});

Deno.test("the error tells which stream cannot be read", async () => {
  const source = { read: () => Promise.reject(new Error("Is a directory (os error 21)")) };
  await assert.rejects(standardInput({ isClosed: false, source }).read(new Uint8Array(1)), (error) => {
    assert.ok(error instanceof AgentError);
    assert.equal(error.message, "Standard input cannot be read: Is a directory");
    return true;
  });
});
