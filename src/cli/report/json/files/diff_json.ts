/** How two backups differ, in `--json` output. */
import * as v from "valibot";
import type { DiffResult, StreamDifference } from "../../../../ops/stats/diff.ts";
import { always, bytes, count, flag, hex, oneOf, orNull, text } from "../json_fields.ts";

/** A stream that either backup has. */
export const streamDifferenceMessage = v.strictObject({
  message_type: always("stream", "The kind of message."),
  path: text("Its path: below the series, or from the root of the snapshots if one of them has no manifest."),
  state: oneOf(["same", "differs", "only in A", "only in B"], "Which backups have it, and whether it is the same."),
  sizeA: orNull(bytes("Its size in A."), "A does not have it"),
  sizeB: orNull(bytes("Its size in B."), "B does not have it"),
  chunksA: count("Its chunks in A."),
  chunksB: count("Its chunks in B."),
  chunksInCommon: count("Chunks that it has in both; one that occurs several times counts as often as in both."),
  bytesInCommon: bytes("These chunks."),
  bytesOnlyInA: bytes("Its other chunks in A."),
  bytesOnlyInB: bytes("Its other chunks in B."),
  runsOnlyInA: count("In how many places A has chunks, one or several in a row, that B has not."),
  runsOnlyInB: count("In how many places B has chunks that A has not."),
});

/** Its JSON object. */
export function streamDifferenceJson(stream: StreamDifference): v.InferOutput<typeof streamDifferenceMessage> {
  return {
    message_type: "stream",
    path: stream.path,
    state: stream.state,
    sizeA: stream.sizeA,
    sizeB: stream.sizeB,
    chunksA: stream.chunksA,
    chunksB: stream.chunksB,
    chunksInCommon: stream.chunksInCommon,
    bytesInCommon: stream.bytesInCommon,
    bytesOnlyInA: stream.bytesOnlyInA,
    bytesOnlyInB: stream.bytesOnlyInB,
    runsOnlyInA: stream.runsOnlyInA,
    runsOnlyInB: stream.runsOnlyInB,
  };
}

/** Two backups, and the sums of their streams. */
export const diffSummaryMessage = v.strictObject({
  message_type: always("summary", "The kind of message."),
  a: hex("The backup A."),
  b: hex("The backup B."),
  same: count("Streams that are the same in both."),
  differs: count("Streams that differ."),
  onlyInA: count("Streams that only A has."),
  onlyInB: count("Streams that only B has."),
  bytesInCommon: bytes("Chunks in common, of all streams."),
  bytesOnlyInA: bytes("The other chunks of A."),
  bytesOnlyInB: bytes("The other chunks of B."),
  cutAlike: orNull(
    flag("Whether both were cut by the same rules; otherwise they have hardly any chunk in common."),
    "another tool made one of them",
  ),
});

/** Its JSON object. */
export function diffSummaryJson({ a, b, streams, isCutAlike }: DiffResult): v.InferOutput<typeof diffSummaryMessage> {
  const counted = (state: StreamDifference["state"]) => streams.filter((stream) => stream.state === state).length;
  const total = (field: "bytesInCommon" | "bytesOnlyInA" | "bytesOnlyInB") =>
    streams.reduce((sum, stream) => sum + stream[field], 0);
  return {
    message_type: "summary",
    a: a.id,
    b: b.id,
    same: counted("same"),
    differs: counted("differs"),
    onlyInA: counted("only in A"),
    onlyInB: counted("only in B"),
    bytesInCommon: total("bytesInCommon"),
    bytesOnlyInA: total("bytesOnlyInA"),
    bytesOnlyInB: total("bytesOnlyInB"),
    cutAlike: isCutAlike,
  };
}
