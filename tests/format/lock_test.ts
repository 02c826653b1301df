/** Locks as restic has them, with the process's mark under a key of the agent's own. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeLock, encodeLock } from "../../src/format/lock.ts";
import { ZERO_TIME } from "../../src/format/time.ts";
import { lock } from "./arbitraries.ts";
import {
  assertFlipsHandled,
  assertTruncationRefused,
  checkProperty,
  integrityError,
  textOf,
  utf8,
} from "./codec_checks.ts";
import { SAMPLE_LOCK } from "./samples.ts";

const WHAT = "lock 12345678";
const decode = (bytes: Uint8Array) => decodeLock(bytes, WHAT);
const decodeText = (text: string) => decode(utf8(text));

Deno.test("locks survive encoding", () => {
  checkProperty(fc.property(lock, (value) => assert.deepEqual(decode(encodeLock(value)), value)));
});

Deno.test("damage of a lock is noticed or handled", () => {
  const bytes = encodeLock(SAMPLE_LOCK);
  assertTruncationRefused(bytes, decode);
  assertFlipsHandled(bytes, decode);
});

Deno.test("root's uid and gid are left out", () => {
  const text = textOf(encodeLock({ time: ZERO_TIME, exclusive: false, hostname: "h", username: "u", pid: 7 }));
  assert.equal(text, '{"time":"0001-01-01T00:00:00Z","exclusive":false,"hostname":"h","username":"u","pid":7}');
  assert.deepEqual([decodeText(text).uid, decodeText(text).gid], [0, 0]);
});

Deno.test("the mark of a process lies under a key of the agent's own; what else stands there is passed over", () => {
  const process = { table: "t", started: 5 };
  const bytes = encodeLock({ time: ZERO_TIME, exclusive: false, hostname: "h", username: "u", pid: 7, process });
  assert.match(textOf(bytes), /,"pid":7,"agent":\{"processTable":"t","processStarted":5\}\}$/);
  assert.deepEqual(decode(bytes).process, process);
  const others = ["null", "5", "[]", '"x"', '{"processTable":"t"}', '{"processTable":1,"processStarted":5}'];
  for (
    const agent of [...others, '{"processTable":"t","processStarted":-1}', '{"processTable":"t","processStarted":0.5}']
  ) {
    assert.equal("process" in decodeText(`{"agent":${agent}}`), false, agent);
  }
});

Deno.test("missing fields read as zero, wrong ones are refused", () => {
  const zero = { time: ZERO_TIME, exclusive: false, hostname: "", username: "", pid: 0, uid: 0, gid: 0 };
  assert.deepEqual(decodeText("{}"), zero);
  assert.deepEqual(decodeText('{"time":null,"pid":null,"unknown":[1]}'), zero);
  assert.equal(decodeText('{"hostname":"\\ud800"}').hostname, "\ufffd");
  for (
    const text of [
      "[]",
      "null",
      "1",
      '{"exclusive":1}',
      '{"pid":1.5}',
      '{"uid":-1}',
      '{"uid":4294967296}',
      '{"time":""}',
    ]
  ) {
    assert.throws(() => decodeText(text), integrityError(WHAT, /expected/i), text);
  }
  assert.throws(() => decodeText("\ufeff{}"), integrityError(WHAT, /JSON/));
  assert.throws(() => decode(Uint8Array.of(0x7b, 0xff, 0x7d)), integrityError(WHAT, /UTF-8/));
});
