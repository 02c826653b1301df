/** Calls between threads: answers find their askers, and errors keep their class. */
import assert from "node:assert/strict";
import { BugError, FileSystemError, IntegrityError, SourceError } from "../../src/base/errors.ts";
import { Thread } from "../../src/base/thread.ts";
import type { TestCalls } from "./thread_worker.ts";

async function withThread(work: (thread: Thread<TestCalls>) => Promise<void>): Promise<void> {
  const worker = new Worker(new URL("./thread_worker.ts", import.meta.url).href, { type: "module" });
  const thread = new Thread<TestCalls>(worker);
  try {
    await work(thread);
  } finally {
    thread.terminate();
  }
}

Deno.test("answers find their askers, in whatever order they come", () =>
  withThread(async (thread) => {
    const finished: number[] = [];
    const answers = [5, 0, 3, 1].map(async (turns) => {
      const answer = await thread.call("echo", { bytes: Uint8Array.of(turns), turns });
      finished.push(turns);
      return answer[0];
    });
    assert.deepEqual(await Promise.all(answers), [5, 0, 3, 1]);
    assert.deepEqual(finished, [0, 1, 3, 5]);
  }));

Deno.test("what is transferred is handed over", () =>
  withThread(async (thread) => {
    const bytes = new Uint8Array(1000).fill(7);
    const answer = thread.call("echo", { bytes, turns: 0 }, [bytes.buffer]);
    assert.equal(bytes.length, 0);
    assert.deepEqual(await answer, new Uint8Array(1000).fill(7));
  }));

Deno.test("errors keep class and message; foreign ones are faults of the program", () =>
  withThread(async (thread) => {
    const thrown = async (request: TestCalls["fail"]["request"]) => {
      const error = await thread.call("fail", request).then(() => assert.fail(), (error: Error) => error);
      return [error.constructor, error.message] as const;
    };
    assert.deepEqual(await thrown("integrity"), [IntegrityError, "damaged blob 1234"]);
    assert.deepEqual(await thrown("source"), [SourceError, "half a dump"]);
    assert.deepEqual(await thrown("bug"), [BugError, "cannot be"]);
    const [foreignClass, foreignMessage] = await thrown("foreign");
    assert.equal(foreignClass, BugError);
    assert.match(foreignMessage, /RangeError: out of range/);
    assert.equal((await thrown("unclonable"))[0], BugError);
    assert.deepEqual(await thread.call("echo", { bytes: Uint8Array.of(1), turns: 0 }), Uint8Array.of(1));
  }));

Deno.test("an error of the file system keeps what callers decide by", () =>
  withThread(async (thread) => {
    const failure = { operation: "open", path: "/a", errno: "ENOENT", reason: "there is no such file or folder" };
    const message = 'Cannot open "/a": there is no such file or folder';
    const error = await thread.call("fail", "file-system").then(() => assert.fail(), (error: Error) => error);
    assert.ok(error instanceof FileSystemError);
    const { operation, path, errno, reason } = error;
    assert.deepEqual({ operation, path, errno, reason, message: error.message }, { ...failure, message });
  }));

Deno.test("a call of an unknown name fails", () =>
  withThread(async (thread) => {
    await assert.rejects(thread.call("nonsense" as "never", null), { code: "bug", message: /"nonsense"/ });
  }));

Deno.test("a thread that broke fails every call, open or later", () =>
  withThread(async (thread) => {
    const open = assert.rejects(thread.call("never", null), { code: "bug", message: /crashed/ });
    await assert.rejects(thread.call("crash", null), { code: "bug", message: /crashed/ });
    await open;
    await assert.rejects(thread.call("echo", { bytes: Uint8Array.of(1), turns: 0 }), { code: "bug" });
  }));

Deno.test("ending a thread rejects what is open", () =>
  withThread(async (thread) => {
    const open = assert.rejects(thread.call("never", null), { code: "bug" });
    thread.terminate();
    await open;
  }));
