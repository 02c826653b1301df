/** Where a source was when it was backed up, as its engine recorded it, in rows for people. */
import type { JsonObject, JsonValue } from "../../format/json/json_text.ts";

/** Rows of a name and a text: the server, and the position that databases tell. None for engines without either. */
export function positionRows({ server, binlog, gtid, lsn, timeline }: JsonObject): [string, string][] {
  const log = objectOf(binlog);
  const position = [
    ...log === null ? [] : [`${shown(log.file)}:${shown(log.position)}`],
    ...isTold(gtid) ? [`GTID ${shown(gtid)}`] : [],
    ...isTold(lsn) ? [`LSN ${shown(lsn)}${isTold(timeline) ? ` of timeline ${shown(timeline)}` : ""}`] : [],
  ];
  return [
    ...isTold(server) ? [["server", shown(server)] as [string, string]] : [],
    ...position.length === 0 ? [] : [["position", position.join(", ")] as [string, string]],
  ];
}

function isTold(value: JsonValue | undefined): boolean {
  return typeof value === "string" && value !== "" || typeof value === "number";
}

function objectOf(value: JsonValue | undefined): JsonObject | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const object = value as JsonObject;
  return isTold(object.file) && isTold(object.position) ? object : null;
}

/** What a server said, on one line. */
function shown(value: JsonValue | undefined): string {
  return String(value).replaceAll(/\p{Cc}+/gu, " ");
}
