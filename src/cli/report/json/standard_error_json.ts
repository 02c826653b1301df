/** The `--json` messages of every command on standard error: progress, warnings, retries, and failures. */
import * as v from "valibot";
import type { AgentError } from "../../../base/errors.ts";
import type { Retry } from "../../../store/retry.ts";
import { etaSecondsOf, type ProgressState, shareOf, totalOf } from "../progress_wording.ts";
import { always, bytes, count, flag, milliseconds, orAbsent, seconds, text } from "./json_fields.ts";

/** Why a command failed: the last line. */
export const failureMessage = v.strictObject({
  message_type: always("exit_error", "The kind of message."),
  code: count("The exit code."),
  kind: text("What went wrong, as one word: `failed`, `usage`, `source-incomplete`, `integrity`, `locked` …"),
  message: text("What failed, on what, and what to do, for people."),
});

/** Its JSON object. */
export function failureJson({ exitCode, code, message }: AgentError): v.InferOutput<typeof failureMessage> {
  return { message_type: "exit_error", code: exitCode, kind: code, message };
}

/** A warning from a command that continues. */
export const warningMessage = v.strictObject({
  message_type: always("warning", "The kind of message."),
  message: text("What it is, for people."),
});

/** Its JSON object. */
export function warningJson(message: string): v.InferOutput<typeof warningMessage> {
  return { message_type: "warning", message };
}

/** A failed call to a store that is retried. */
export const retryMessage = v.strictObject({
  message_type: always("retry", "The kind of message."),
  kind: text("What went wrong, as one word: `store-temporary` …"),
  message: text("What failed, for people."),
  failures: count("How often it failed so far."),
  delayMs: milliseconds("The time until the next try."),
});

/** Its JSON object. */
export function retryJson({ error, failures, delayMs }: Retry): v.InferOutput<typeof retryMessage> {
  const { message, code } = error;
  return { message_type: "retry", kind: code, message, failures, delayMs };
}

const OTHER_UNIT = "something else is counted, or nothing";
const NO_TOTAL = "the total is unknown";

/** The progress of a command, once a second. */
export const progressMessage = v.strictObject({
  message_type: always("progress", "The kind of message."),
  command: text("The command."),
  phase: text("What it does at the moment, as one word."),
  seconds: seconds("Since it began, to a tenth."),
  bytes: orAbsent(bytes("Done so far."), OTHER_UNIT),
  indexes: orAbsent(count("Index files done so far."), OTHER_UNIT),
  packs: orAbsent(count("Packs done so far."), OTHER_UNIT),
  trees: orAbsent(count("Trees done so far."), OTHER_UNIT),
  backups: orAbsent(count("Backups done so far."), OTHER_UNIT),
  files: orAbsent(count("Files done so far, also beside `bytes`."), OTHER_UNIT),
  totalBytes: orAbsent(bytes("All there is."), `${OTHER_UNIT}, or ${NO_TOTAL}`),
  totalIndexes: orAbsent(count("All index files."), `${OTHER_UNIT}, or ${NO_TOTAL}`),
  totalPacks: orAbsent(count("All packs."), `${OTHER_UNIT}, or ${NO_TOTAL}`),
  totalTrees: orAbsent(count("All trees, at most."), `${OTHER_UNIT}, or ${NO_TOTAL}`),
  totalBackups: orAbsent(count("All backups."), `${OTHER_UNIT}, or ${NO_TOTAL}`),
  totalFiles: orAbsent(count("All files."), `${OTHER_UNIT}, or ${NO_TOTAL}`),
  percent: orAbsent(count("The share that is done, to a tenth."), NO_TOTAL),
  estimated: orAbsent(flag("True: the total is an estimate from the last time."), "the total is known"),
  bytesRead: orAbsent(bytes("How many of `bytes` were read."), "all were, or other things are counted"),
  bytesAdded: orAbsent(bytes("How many of the bytes read are new."), "the command is not `put`"),
  bytesPerSecond: orAbsent(count("Bytes a second."), "no bytes are counted, or it is too early to tell"),
  etaSeconds: orAbsent(seconds("The estimated remaining time."), `${NO_TOTAL}, or it is too early to tell`),
});
type ProgressMessage = v.InferOutput<typeof progressMessage>;

/** Its JSON object. */
export function progressJson(state: ProgressState): ProgressMessage {
  const { command, phase, seconds, unit, bytesRead, bytesAdded, files, isEstimate, perSecond } = state;
  const share = shareOf(state);
  const eta = etaSecondsOf(state);
  return {
    message_type: "progress",
    command,
    phase,
    seconds: rounded(seconds),
    ...doneJson(state),
    ...files !== undefined && { files },
    ...totalJson(state),
    ...unit !== undefined && share !== undefined && {
      percent: rounded(share * 100),
      ...isEstimate && { estimated: true },
    },
    ...bytesRead !== undefined && { bytesRead },
    ...bytesAdded !== undefined && { bytesAdded },
    ...unit === "bytes" && perSecond !== null && { bytesPerSecond: Math.round(perSecond) },
    ...eta !== null && { etaSeconds: Math.round(eta) },
  };
}

function doneJson({ unit, done }: ProgressState): Partial<ProgressMessage> {
  if (unit === undefined || done === undefined) return {};
  switch (unit) {
    case "bytes":
      return { bytes: done };
    case "indexes":
      return { indexes: done };
    case "packs":
      return { packs: done };
    case "trees":
      return { trees: done };
    case "backups":
      return { backups: done };
    case "files":
      return { files: done };
  }
}

function totalJson(state: ProgressState): Partial<ProgressMessage> {
  const total = totalOf(state);
  if (state.unit === undefined || total === undefined) return {};
  switch (state.unit) {
    case "bytes":
      return { totalBytes: total };
    case "indexes":
      return { totalIndexes: total };
    case "packs":
      return { totalPacks: total };
    case "trees":
      return { totalTrees: total };
    case "backups":
      return { totalBackups: total };
    case "files":
      return { totalFiles: total };
  }
}

/** Rounded to a tenth. */
function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
