/** What a series remembers of its streams: which later ones it accepts, and what snapshots tell for that. */
import assert from "node:assert/strict";
import { formatLocalTime } from "../../src/base/text/local_time.ts";
import fc from "fast-check";
import type { AgentSnapshotInfo, StreamFacts } from "../../src/format/manifest/agent_info.ts";
import type { ManifestFile } from "../../src/format/manifest/manifest.ts";
import { recognitionOf } from "../../src/guard/recognition.ts";
import { judgeRecognition } from "../../src/backup/recognition_memory.ts";
import { EarlierStreams, LISTED_STREAMS, streamFacts } from "../../src/backup/stream_facts.ts";
import { backup, manifestIdOf } from "./backups.ts";

const RANKS = { nothing: 0, container: 1, content: 2 } as const;

function night(day: number, info: Partial<AgentSnapshotInfo>) {
  return backup(`night ${day}`, { time: `2026-01-${String(day).padStart(2, "0")}T03:00:00Z`, info });
}

function facts(guard: string, more: Partial<StreamFacts> = {}): StreamFacts {
  return { path: "data", size: 1000, guard, complete: guard === "none" ? null : true, ...more };
}

/** The verdict on a stream after nights of these formats. */
function judge(format: string, ...nights: readonly string[]) {
  const backups = nights.map((guard, i) => night(i + 1, { streams: [facts(guard)] }));
  return judgeRecognition(format, new EarlierStreams(backups).of("data"));
}

/** When a night's backup began, as messages have it. */
function begun(day: number): string {
  return formatLocalTime(new Date(`2026-01-0${day}T03:00:00Z`));
}

Deno.test("a stream that is recognised less far than any before is refused, with what that was", () => {
  const refused = judge("none", "mysqldump", "none", "none");
  assert.equal(refused.isAccepted, false);
  const id = manifestIdOf("night 1").slice(0, 8);
  assert.equal(
    refused.reason,
    `the stream is of no format a guard knows, that of backup ${id} (${begun(1)}) was mysqldump`,
  );
  assert.equal(judge("none", "gzip").isAccepted, false);
  assert.equal(judge("gzip", "gzip+mysqldump", "gzip").isAccepted, false);
  assert.equal(judge("xz", "mysqldump").isAccepted, false);
  assert.match(judge("xz", "mysqldump").reason!, /^nobody can judge what is in the xz stream, .* was mysqldump$/);
});

Deno.test("the newest of those that were recognised further is named", () => {
  const { reason } = judge("none", "mysqldump", "mariadb-dump", "none");
  assert.ok(reason!.endsWith(`(${begun(2)}) was mariadb-dump`), reason!);
});

Deno.test("another format, recognised as far or further, is accepted with a word about it", () => {
  for (
    const [format, ...before] of [
      ["mariadb-dump", "mysqldump"],
      ["gzip+mysqldump", "mysqldump"],
      ["mysqldump", "gzip+mysqldump"],
      ["pg_dump", "tar"],
      ["gzip+mysqldump", "gzip"],
      ["zstd", "gzip"],
      ["pg_dump", "tar", "none"],
    ] as const
  ) {
    const { isAccepted, reason } = judge(format, ...before);
    assert.equal(isAccepted, true, `${format} after ${before}`);
    assert.match(reason!, new RegExp(`^the stream is recognised as ${RegExp.escape(format)}, that of `));
  }
});

Deno.test("the same format, and the first one that is recognised, need no word", () => {
  for (
    const [format, ...before] of [["tar", "tar"], ["tar", "tar", "none"], ["tar", "none"], ["none", "none"]] as const
  ) {
    assert.deepEqual(judge(format, ...before), { isAccepted: true, reason: null });
  }
  assert.deepEqual(judge("none"), { isAccepted: true, reason: null });
});

Deno.test("a stream is accepted exactly where none before was recognised further, whatever their order", () => {
  const format = fc.constantFrom("none", "gzip", "xz", "gzip+zstd", "mysqldump", "gzip+mysqldump", "tar");
  const rank = (text: string) => RANKS[recognitionOf(text)];
  fc.assert(
    fc.property(format, fc.array(format, { maxLength: 6 }), (now, before) => {
      const { isAccepted, reason } = judge(now, ...before);
      assert.equal(isAccepted, Math.max(0, ...before.map(rank)) <= rank(now));
      assert.equal(judge(now, ...before.toReversed()).isAccepted, isAccepted);
      const lastRecognised = before.findLast((text) => rank(text) > 0);
      if (isAccepted) assert.equal(reason !== null, lastRecognised !== undefined && lastRecognised !== now);
    }),
    { numRuns: 500, seed: 22 },
  );
});

Deno.test("only streams of the same name count, oldest first by their start", () => {
  const backups = [
    night(3, { streams: [facts("tar", { path: "other" }), facts("gzip")], files: 2 }),
    night(1, { streams: [facts("mysqldump")] }),
    night(2, { streams: [facts("tar", { path: "other" })] }),
  ];
  assert.deepEqual(new EarlierStreams(backups).of("data").map(({ format }) => format), ["mysqldump", "gzip"]);
});

Deno.test("backups of other tools, and streams that were not whole, count for nothing", () => {
  const backups = [backup("foreign", { isForeign: true }), night(1, { streams: [facts("tar", { complete: false })] })];
  assert.deepEqual(new EarlierStreams(backups).of("data"), []);
});

Deno.test("a snapshot of an older program tells of its only stream, whatever that is called", () => {
  const [stream] = new EarlierStreams([night(1, { guard: "tar", size: 77 })]).of("any.tar");
  assert.deepEqual([stream!.format, stream!.size, stream!.id], ["tar", 77, manifestIdOf("night 1")]);
  assert.deepEqual(new EarlierStreams([night(1, { guard: "tar", files: 2 })]).of("any.tar"), []);
});

function files(count: number, guardOf: (i: number) => string | null): ManifestFile[] {
  return Array.from({ length: count }, (_, i) => {
    const format = guardOf(i);
    const guard = format === null ? null : { format, complete: format === "none" ? null : true };
    const path = `part${String(i).padStart(4, "0")}`;
    return { path, size: i, md5: "0".repeat(32), sha256: "0".repeat(64), blobs: 1, guard };
  });
}

Deno.test("streams are listed in their order; of very many, those that were recognised furthest", () => {
  const few = streamFacts(files(LISTED_STREAMS, (i) => i % 2 === 0 ? "none" : "tar"));
  assert.deepEqual(few.map(({ size }) => size), Array.from({ length: LISTED_STREAMS }, (_, i) => i));
  const many = streamFacts(files(1000, (i) => i === 999 ? "tar" : i === 998 ? "gzip" : null));
  assert.equal(many.length, LISTED_STREAMS);
  assert.deepEqual(many.slice(0, 3).map(({ path, guard }) => [path, guard]), [
    ["part0999", "tar"],
    ["part0998", "gzip"],
    ["part0000", "none"],
  ]);
});

Deno.test("what a full list leaves out was recognised no further than its last, and may have been so far", () => {
  const listed = (guardOf: (i: number) => string) => {
    const all = files(1000, guardOf);
    return new EarlierStreams([night(1, { streams: streamFacts(all), files: all.length })]).of("part0500");
  };
  assert.deepEqual(listed((i) => i < 50 ? "tar" : "none"), []);
  const [unlisted] = listed(() => "gzip");
  assert.deepEqual([unlisted!.format, unlisted!.size], ["gzip", null]);
  const { isAccepted, reason } = judgeRecognition("none", [unlisted!]);
  assert.equal(isAccepted, false);
  assert.match(reason!, /, one of backup .* may have been gzip$/);
  assert.equal(judgeRecognition("gzip", [unlisted!]).isAccepted, true);
});
