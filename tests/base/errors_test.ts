/** Error classes: each has its code, its exit code, and knows whether another try helps. */
import assert from "node:assert/strict";
import * as errors from "../../src/base/errors.ts";

const CLASSES: readonly [new (message: string) => errors.AgentError, errors.ErrorCode, number][] = [
  [errors.AgentError, "failed", 1],
  [errors.BugError, "bug", 1],
  [errors.UsageError, "usage", 2],
  [errors.SourceError, "source-incomplete", 3],
  [errors.IntegrityError, "integrity", 4],
  [errors.StatusError, "failed", 1],
  [errors.CorruptedStatus, "integrity", 4],
  [errors.StatusKeyNotFound, "usage", 2],
  [errors.OverdueError, "overdue", 5],
  [errors.PartialError, "partial", 6],
  [errors.VetoError, "vetoed", 1],
  [errors.NoRepositoryError, "no-repository", 10],
  [errors.LockedError, "locked", 11],
  [errors.WrongPasswordError, "wrong-password", 12],
  [errors.InterruptedError, "interrupted", 130],
  [errors.StoreError, "failed", 1],
  [errors.NotFoundError, "store-not-found", 1],
  [errors.ExistsError, "store-exists", 1],
  [errors.DeniedError, "store-denied", 1],
  [errors.StoreFullError, "store-full", 1],
  [errors.TemporaryError, "store-temporary", 1],
];

for (const [ErrorClass, code, exitCode] of CLASSES) {
  Deno.test(`${ErrorClass.name} stands for "${code}" and exit code ${exitCode}`, () => {
    const error = new ErrorClass("what happened");
    assert.deepEqual([error.name, error.message, error.code, error.exitCode], [
      ErrorClass.name,
      "what happened",
      code,
      exitCode,
    ]);
    assert.ok(error instanceof errors.AgentError && error instanceof Error);
    assert.equal("cause" in error, false);
    if (error instanceof errors.StoreError) assert.equal(error.retryable, code === "store-temporary");
  });
}

Deno.test("a cause is kept, and an invariant throws only where it is broken", () => {
  const cause = new RangeError("below");
  assert.equal(new errors.IntegrityError("above", { cause }).cause, cause);
  errors.invariant(1, "fine");
  assert.throws(() => errors.invariant(0, "broken"), errors.BugError);
});

Deno.test("what is wrong with a status is a StatusError", () => {
  assert.ok(new errors.CorruptedStatus("damaged") instanceof errors.StatusError);
  assert.ok(new errors.StatusKeyNotFound("gone") instanceof errors.StatusError);
});

Deno.test("anything thrown has a message", () => {
  assert.equal(errors.messageOf(new RangeError("why")), "why");
  assert.equal(errors.messageOf("text"), "text");
  assert.equal(errors.messageOf(undefined), "undefined");
});

Deno.test("whatever is thrown has a message, even what refuses to be a text", () => {
  for (
    const thrown of [
      Object.create(null),
      { toString: () => ({}) },
      Object.assign(new Error(), { message: Symbol("x") }),
    ]
  ) {
    assert.equal(typeof errors.messageOf(thrown), "string");
  }
});
