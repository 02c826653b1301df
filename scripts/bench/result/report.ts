/** The result as text for people: a table of medians, and the targets. */
import type { Medians, PeerName, Quantity } from "./medians.ts";
import type { Verdict } from "./targets.ts";
import type { Step } from "../tools/trial.ts";

/** A row of the table. */
interface Line {
  readonly label: string;
  readonly step: Step;
  readonly quantity: Quantity;
}

const LINES: readonly Line[] = [
  { label: "first put    s", step: "first put", quantity: "wallSeconds" },
  { label: "         CPU s", step: "first put", quantity: "cpuSeconds" },
  { label: "       peak MB", step: "first put", quantity: "peakBytes" },
  { label: "     stored MB", step: "first put", quantity: "bytesAdded" },
  { label: "second put   s", step: "second put", quantity: "wallSeconds" },
  { label: "         CPU s", step: "second put", quantity: "cpuSeconds" },
  { label: "       peak MB", step: "second put", quantity: "peakBytes" },
  { label: "      added MB", step: "second put", quantity: "bytesAdded" },
  { label: "get          s", step: "get", quantity: "wallSeconds" },
  { label: "         CPU s", step: "get", quantity: "cpuSeconds" },
  { label: "       peak MB", step: "get", quantity: "peakBytes" },
];

/** Medians, a column for each tool. Beside those of other tools stands their ratio to the agent's. */
export function formatMedians(medians: Medians): string {
  const rows = LINES.map((line) => [line.label, ...medians.peers.map((peer) => formatCell(medians, line, peer))]);
  return alignColumns([["median of", ...medians.peers.map(({ name }) => name)], ...rows]);
}

function formatCell(medians: Medians, { step, quantity }: Line, peer: PeerName): string {
  if (!medians.has(peer, step)) return "-";
  const value = medians.of(peer, step, quantity);
  const text = quantity.endsWith("Seconds") ? value.toFixed(2) : (value / 1e6).toFixed(1);
  const { agent } = medians;
  if (agent === undefined || peer.kind === "agent") return text;
  return `${text} (${(value / medians.of(agent, step, quantity)).toFixed(2)}x)`;
}

/** The targets, one line each: what was measured, what must be and what is hoped for, and which of them holds. */
export function formatVerdicts(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map((verdict) => {
    const { target, measured, bounds } = verdict;
    return [target, measured, bounds?.must.toString() ?? "", bounds?.goal.toString() ?? "", holdsWhat(verdict)];
  });
  return alignColumns([["target", "measured", "must", "goal", ""], ...rows]);
}

function holdsWhat({ met, reachesGoal }: Verdict): string {
  return !met ? "MISSED" : reachesGoal ? "goal" : "met";
}

/** Rows of text, with the first column aligned left and all others aligned right. */
export function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) => {
    return row.map((cell, column) => column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)).join(
      "   ",
    );
  });
  return lines.join("\n");
}
