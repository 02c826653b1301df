/** Parses `[[hooks]]`. */
import { UsageError } from "../../base/errors.ts";
import { parseSpan } from "../../base/text/duration.ts";
import { didYouMean } from "../../base/text/nearest_name.ts";
import type { HookSettings } from "../configuration.ts";
import { EVENT_NAMES } from "../event_names.ts";
import type { TableReader } from "./table_reader.ts";

/** How long a hook may take if it does not say. */
const USUAL_TIMEOUT_MS = 30_000;
/** Timers cannot wait for more than some weeks, and no action should wait for longer than this. */
const MOST_TIMEOUT_MS = 24 * 3_600_000;

/** The hooks of these tables. A hook with mistakes is left out; they are noted. */
export function parseHooks(tables: readonly TableReader[]): readonly HookSettings[] {
  return tables.flatMap((table, i) => parseHook(table, i + 1) ?? []);
}

function parseHook(table: TableReader, number: number): HookSettings | undefined {
  const events = eventsOf(table);
  const command = table.text("command", notEmpty);
  const url = table.text("url", checkUrl);
  const timeout = table.text("timeout", checkTimeout);
  const name = table.text("name", notEmpty);
  table.finish();
  const { line, entries } = table.table;
  if (!entries.has("event")) table.refuse(line, 'A hook has no "event": say when it runs');
  const ways = ["command", "url"].filter((key) => entries.has(key)).length;
  if (ways === 0) table.refuse(line, 'A hook has neither "command" nor "url": say what it does');
  if (ways === 2) table.refuse(line, 'A hook has both "command" and "url": write two hooks');
  const run = command === undefined ? url && { url: url.value } : { command: command.value };
  if (run === undefined || events === undefined) return undefined;
  return {
    name: name?.value ?? `hook ${number} (${events.join(", ")})`,
    line,
    events,
    run,
    timeoutMs: timeout === undefined ? USUAL_TIMEOUT_MS : parseSpan(timeout.value),
  };
}

/** One event, or a list of them. */
function eventsOf(table: TableReader): readonly string[] | undefined {
  const isList = table.table.entries.get("event")?.value.kind === "list";
  const events = isList ? table.texts("event", checkEvent)?.value : table.text("event", checkEvent)?.value;
  if (events?.length === 0) table.refuse(table.table.line, "A hook has no event: name at least one");
  return events === undefined || events.length === 0 ? undefined : [...new Set([events].flat())];
}

function checkEvent(name: string): string {
  if (EVENT_NAMES.some((known) => known === name)) return name;
  const hint = didYouMean(name, EVENT_NAMES) || `; the events are ${EVENT_NAMES.join(", ")}`;
  throw new UsageError(`there is no event "${name}"${hint}`);
}

/** Messages leave the address out: it may hold a password. */
function checkUrl(text: string): string {
  const url = /^https?:\/\//i.test(text) ? URL.parse(text) : null;
  if (url === null) throw new UsageError("it is not an address; it begins with https:// or http://");
  if (url.username === "" && url.password === "") return text;
  throw new UsageError("a hook's address has no user and no password; let a command call it that knows where they are");
}

function checkTimeout(text: string): string {
  const ms = parseSpan(text);
  if (ms > 0 && ms <= MOST_TIMEOUT_MS) return text;
  throw new UsageError("a hook may take up to a day, and needs some time; write for example 30s");
}

function notEmpty(text: string): string {
  if (text.trim() !== "") return text;
  throw new UsageError("it is empty");
}
