/**
 * Messages of dump programs in the stream, where `2>&1` put their standard error. After an error nothing is whole;
 * warnings and progress only have to be removed before the dump is loaded.
 */

/** The kind of message in a line. */
export type MessageKind = "error" | "warning" | "progress";

/** The programs that make dumps. Their messages are about the dump in which they stand. */
const DUMP_PROGRAMS = ["mysqldump", "mariadb-dump", "pg_dump", "pg_dumpall", "mongodump", "sqlite3"];
/** Programs that run the dump programs. If a stream holds nothing but their messages, they failed. */
const OTHER_PROGRAMS = [
  "mysql",
  "mariadb",
  "psql",
  "pg_restore",
  "sh",
  "bash",
  "dash",
  "ash",
  "zsh",
  "-bash",
  "-sh",
  "sudo",
  "su",
  "env",
  "ssh",
  "docker",
  "podman",
  "kubectl",
  "nice",
  "timeout",
];

/**
 * An optional path before a program's name, on Unix or Windows. Statements and rows contain characters that no such
 * path has.
 */
const PATH = String.raw`(?:(?:[A-Za-z]:|\.{1,2})?[\\/](?:[^\\/:'"]*[\\/])*)?`;

/** Suffixes for parallel versions and for Windows: `mysqldump-8.0`, `mysqldump.bin`, `mysqldump.exe`. */
const SUFFIX = String.raw`(?:[-.]?\d[.\d]*)?(?:\.(?:exe|bin|real))?`;

/** A path, the program's name, a colon, and the message. Windows ignores the case of names. */
const BY_DUMP_PROGRAM = new RegExp(`^${PATH}(?:${DUMP_PROGRAMS.join("|")})${SUFFIX}: (.*)$`, "i");
const BY_OTHER_PROGRAM = new RegExp(`^${PATH}(?:${OTHER_PROGRAMS.join("|")})(?:\\.exe)?: (.*)$`);
/** Errors that programs print without their name. */
const NAMELESS_ERROR =
  /^(?:ERROR \d+ \([0-9A-Z]{5}\)|ERROR:|error:|Error: (?:No such container|Cannot connect)|Error response from daemon:|Error from server|Permission denied|Host key verification failed|Killed$|Terminated$|Segmentation fault|command terminated with |'?[\w-]+'? is not recognized as )/;
/** Lines of other programs count as plain text unless they report a failure. */
const FAILURE =
  /not found|no such|denied|refused|fail|error|cannot|can't|could not|couldn't|unable|unknown|lost|closed|killed/i;
/** Warnings of mysqldump and its relatives have no program name in front; some are SQL comments. */
const NAMELESS_WARNING = /^(?:-- )?(?:Warning|WARNING): /;
const WARNING = /^(?:\[?warning\]?\b|deprecated program name)/i;
/** Messages of `pg_dump --verbose`, and lines that continue an earlier message. */
const PROGRESS =
  /^(?:\[Note\]|(?:detail|hint|Detail|Hint|DETAIL|HINT): |last built-in OID is |(?:reading|identifying|finding|flagging|saving|creating|processing|dumping|executing|implied|entering|found|restoring|running|setting) )/;

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/**
 * Beginnings of one or two characters. A line that begins with none of them is no message, whatever the program's path
 * is.
 */
export const MESSAGE_BEGINNINGS: readonly string[] = [
  ...["/", "\\", "./", ".\\", "..", "--", "ER", "er", "Er", "Pe", "Ho", "Ki", "Te", "Se", "co", "'", "Wa", "WA"],
  ...[...LETTERS].map((drive) => `${drive}:`),
  ...[...DUMP_PROGRAMS, ...OTHER_PROGRAMS].map((name) => name.slice(0, 2)),
  ...DUMP_PROGRAMS.map((name) => name.slice(0, 2).toUpperCase()),
];

/** The kind of a dump program's message, or null for any other line. */
export function messageOfDumpProgram(line: string): MessageKind | null {
  if (!line.includes(": ")) return null;
  const said = BY_DUMP_PROGRAM.exec(line)?.[1];
  if (said !== undefined) return kindOf(said);
  return NAMELESS_WARNING.test(line) ? "warning" : null;
}

/**
 * An error of mysqldump and its relatives in the middle of a line, since they write standard output a buffer at a time.
 * They escape quotes in values and comments, so data never contains these words.
 */
const ERROR_WITHIN_LINE = /(?:mysqldump|mariadb-dump)[-.\w]*: (?:Couldn't execute '|Got error: \d+: ").*/;

/** The error of mysqldump within a line of a statement, from the program's name on; null if there is none. */
export function errorWithinLine(line: string): string | null {
  return ERROR_WITHIN_LINE.exec(line)?.[0] ?? null;
}

/** Like `messageOfDumpProgram`, but also for lines of the programs around it, and for errors without a program name. */
export function messageOfAnyProgram(line: string): MessageKind | null {
  const kind = messageOfDumpProgram(line);
  if (kind !== null) return kind;
  if (NAMELESS_ERROR.test(line)) return "error";
  if (!line.includes(": ")) return null;
  return FAILURE.test(BY_OTHER_PROGRAM.exec(line)?.[1] ?? "") ? "error" : null;
}

/** A message that is not known to be harmless is an error. */
function kindOf(said: string): MessageKind {
  if (WARNING.test(said)) return "warning";
  return PROGRESS.test(said) ? "progress" : "error";
}
