/** Which action a removal is, what it is about, and what came of it. */
import type { Forgotten, RetentionRequest } from "../../ops/forget.ts";
import { parseSelector } from "../../backup/naming/selector.ts";
import { isOfRestoreTests } from "../../format/manifest/series.ts";
import type { Action } from "../../config/event_names.ts";
import type { EventResult } from "./event.ts";

/** The action of a removal, and its series: that of all named backups, or null. */
export function removalOf(request: RetentionRequest): { readonly action: Action; readonly series: string | null } {
  switch (request.kind) {
    case "backups":
      return { action: "Delete", series: onlyOne(request.selectors.map((selector) => parseSelector(selector).series)) };
    case "rotation":
      return { action: "RotateBackups", series: request.series };
    case "policy": {
      const { rules, filter } = request;
      const isByAge = Object.keys(rules).every((rule) => rule === "notOlderThan");
      return { action: isByAge ? "DeleteOlderThan" : "RotateBackups", series: onlyOne(filter.series ?? []) };
    }
  }
}

function onlyOne(series: readonly (string | null)[]): string | null {
  return series.length > 0 && series.every((other) => other === series[0]) ? series[0]! : null;
}

/**
 * The removed backups, without the verdicts of restores on trial that went with them. Of named ones, the only one if it
 * is one.
 */
export function removedBy({ kind }: RetentionRequest, { groups }: Forgotten): EventResult {
  const all = groups.flatMap(({ remove }) => remove).map(({ backup }) => backup);
  const removed = all.filter(({ series }) => !isOfRestoreTests(series));
  return kind === "backups" && removed.length === 1 ? removed[0]! : removed;
}
