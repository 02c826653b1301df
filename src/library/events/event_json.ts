/** An event as JSON, for hooks: commands and HTTP services that hear of it. */
import type { Backup } from "../../backup/backup.ts";
import { listedBackup } from "../../backup/listed_backup.ts";
import type { JsonObject } from "../../format/json/json_text.ts";
import type { AgentEvent, EventResult } from "./event.ts";

/** The JSON object of an event. Backups in it are as `agent ls --json` lists them. */
export function eventJson({ event, session, series, result, error }: AgentEvent): JsonObject {
  return {
    event,
    session,
    series,
    ...result !== undefined && { result: isList(result) ? result.map(listedBackup) : listedBackup(result) },
    ...error !== undefined && { error: { code: error.exitCode, kind: error.code, message: error.message } },
  };
}

function isList(result: EventResult): result is readonly Backup[] {
  return Array.isArray(result);
}
