/** What a configuration file says of all backups and rotations, where the program says nothing. */
import { AgentError, UsageError } from "../../base/errors.ts";
import { parseRunType, type RunType } from "../../base/run_type.ts";
import { parseSize } from "../../base/text/size.ts";
import { COMPRESSION_LEVELS, type CompressionLevel } from "../../codec/compression.ts";
import type { SettingValue } from "../../config/configuration.ts";
import { layersFor, type Selection } from "../../config/selection.ts";
import { parseCount, parseWeekDay } from "../../policy/retention/parse_retention.ts";
import type { Rotation } from "../../policy/retention/retention_rotation.ts";
import { type MinOfParent, parseMinOfParent } from "../../policy/shrinkage.ts";

/** What is usual for backups. */
interface UsualBackup {
  readonly tags?: readonly string[];
  readonly host?: string;
  readonly runType?: RunType;
  readonly compression?: CompressionLevel;
  readonly isStrict?: boolean;
  readonly minSize?: number;
  readonly minOfParent?: MinOfParent;
}

/** What is usual, as far as the file says. */
export interface UsualOptions {
  readonly backup: UsualBackup;
  readonly rotation: Partial<Rotation>;
  /** The address of the gateway that signed URLs lead to. */
  readonly gateway?: string;
}

/** What the file says; nothing without one. Throws `UsageError` for values that make no sense. */
export function usualOptions(selection: Selection | undefined): UsualOptions {
  if (selection === undefined) return { backup: {}, rotation: {} };
  const gateway = lookUp(selection, "url")("gateway");
  return {
    backup: usualBackup(lookUp(selection, "put")),
    rotation: usualRotation(lookUp(selection, "rotate")),
    ...gateway !== undefined && { gateway: String(gateway) },
  };
}

/** What counts for programs in the tables of `agent put`. */
const COUNTED = ["tag", "host", "run-type", "compression", "strict", "min-size", "min-of-parent"];
/** What only says how a command speaks. */
const SPEECH = ["json", "quiet", "debug", "explain"];
/** Options that make another backup of the same data, where they stand among those of all commands. */
const OF_BACKUPS =
  /^(?:also|also-.*|guard|allow-empty|chunk-size|i?exclude|i?exclude-.*|level|(?:max|always|restart-always)-level|full-backup|one-file-system|skip-unreadable)$/;

/**
 * Tells which options of `agent put` the file has that do not count for programs; undefined if there are none. Whoever
 * wrote them expects them of every backup.
 */
export function uncountedOptions(selection: Selection | undefined): AgentError | undefined {
  if (selection === undefined) return undefined;
  const keys = layersFor(selection, "put").flatMap(({ table, settings }) =>
    [...settings].flatMap(([key, { value }]) => value !== false && isUncounted(key, table) ? [`"${key}"`] : [])
  );
  if (keys.length === 0) return undefined;
  const named = [...new Set(keys)].join(", ");
  const { path } = selection.configuration;
  return new AgentError(
    `Options of agent put in "${path}" do not count for programs: ${named}; say them with each call`,
  );
}

function isUncounted(key: string, table: string): boolean {
  if (COUNTED.includes(key) || SPEECH.includes(key)) return false;
  return table.endsWith(".put]") || OF_BACKUPS.test(key);
}

type LookUp = (key: string) => SettingValue | undefined;

function lookUp(selection: Selection, command: string): LookUp {
  const layers = layersFor(selection, command);
  return (key) => layers.find(({ settings }) => settings.has(key))?.settings.get(key)?.value;
}

function usualBackup(value: LookUp): UsualBackup {
  const [tag, host, runType, compression] = [value("tag"), value("host"), value("run-type"), value("compression")];
  return {
    ...tag !== undefined && { tags: Array.isArray(tag) ? tag.map(String) : [String(tag)] },
    ...host !== undefined && { host: String(host) },
    ...runType !== undefined && { runType: parseRunType(String(runType)) },
    ...compression !== undefined && { compression: parseCompression(String(compression)) },
    ...usualDemands(value),
  };
}

/** What a backup has to fulfil: a program must not commit what the command line would refuse. */
function usualDemands(value: LookUp): Pick<UsualBackup, "isStrict" | "minSize" | "minOfParent"> {
  const [strict, minSize, minOfParent] = [value("strict"), value("min-size"), value("min-of-parent")];
  return {
    ...strict !== undefined && { isStrict: strict === true },
    ...minSize !== undefined && { minSize: parseSize(String(minSize)) },
    ...minOfParent !== undefined && { minOfParent: parseMinOfParent(String(minOfParent)) },
  };
}

function parseCompression(text: string): CompressionLevel {
  const level = COMPRESSION_LEVELS.find((known) => known === text);
  if (level !== undefined) return level;
  throw new UsageError(`Not a level of compression: "${text}"; write one of ${COMPRESSION_LEVELS.join(", ")}`);
}

function usualRotation(value: LookUp): Partial<Rotation> {
  const units = (["days", "weeks", "months", "years"] as const).flatMap((unit) => {
    const count = value(unit);
    return count === undefined ? [] : [[unit, parseCount(String(count), `${unit} to keep`)] as const];
  });
  const day = value("first-week-day");
  return { ...Object.fromEntries(units), ...day !== undefined && { firstWeekDay: parseWeekDay(String(day)) } };
}
