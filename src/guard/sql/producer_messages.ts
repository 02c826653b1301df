/**
 * What dump programs say on standard error, where `2>&1` brought it into the stream: errors, after which nothing is whole,
 * and warnings and progress, which only have to be removed before the dump is loaded.
 */

/** What a line of a program says. */
export type MessageKind = "error" | "warning" | "progress";

/** The programs that make dumps: a complaint of theirs is about the dump it stands in. */
const DUMP_PROGRAMS = ["mysqldump", "mariadb-dump", "pg_dump", "pg_dumpall", "mongodump", "sqlite3"];
/** Programs that run them: where nothing else is in a stream, they failed. */
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

/** Where a program lies, on either kind of system. Statements and rows hold characters that no such path has. */
const PATH = String.raw`(?:(?:[A-Za-z]:|\.{1,2})?[\\/](?:[^\\/:'"]*[\\/])*)?`;

/** Of versions beside each other and of Windows: `mysqldump-8.0`, `mysqldump.bin`, `mysqldump.exe`. */
const SUFFIX = String.raw`(?:[-.]?\d[.\d]*)?(?:\.(?:exe|bin|real))?`;

/** A path, the program's name, a colon; then what it says. Windows takes names in any letters. */
const BY_DUMP_PROGRAM = new RegExp(`^${PATH}(?:${DUMP_PROGRAMS.join("|")})${SUFFIX}: (.*)$`, "i");
const BY_OTHER_PROGRAM = new RegExp(`^${PATH}(?:${OTHER_PROGRAMS.join("|")})(?:\\.exe)?: (.*)$`);
/** Errors that programs write without their name. */
const NAMELESS_ERROR =
  /^(?:ERROR \d+ \([0-9A-Z]{5}\)|ERROR:|error:|Error: (?:No such container|Cannot connect)|Error response from daemon:|Error from server|Permission denied|Host key verification failed|Killed$|Terminated$|Segmentation fault|command terminated with |'?[\w-]+'? is not recognized as )/;
/** What other programs say is a line of text, unless it tells of a failure. */
const FAILURE =
  /not found|no such|denied|refused|fail|error|cannot|can't|could not|couldn't|unable|unknown|lost|closed|killed/i;
/** Warnings of mysqldump and its relatives have no name before them, some are SQL comments. */
const NAMELESS_WARNING = /^(?:-- )?(?:Warning|WARNING): /;
const WARNING = /^(?:\[?warning\]?\b|deprecated program name)/i;
/** What pg_dump says with `--verbose`, and what belongs to a message before. */
const PROGRESS =
  /^(?:\[Note\]|(?:detail|hint|Detail|Hint|DETAIL|HINT): |last built-in OID is |(?:reading|identifying|finding|flagging|saving|creating|processing|dumping|executing|implied|entering|found|restoring|running|setting) )/;

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Texts of one or two characters: a line that begins with none of them is no message, whatever the program's path is. */
export const MESSAGE_BEGINNINGS: readonly string[] = [
  ...["/", "\\", "./", ".\\", "..", "--", "ER", "er", "Er", "Pe", "Ho", "Ki", "Te", "Se", "co", "'", "Wa", "WA"],
  ...[...LETTERS].map((drive) => `${drive}:`),
  ...[...DUMP_PROGRAMS, ...OTHER_PROGRAMS].map((name) => name.slice(0, 2)),
  ...DUMP_PROGRAMS.map((name) => name.slice(0, 2).toUpperCase()),
];

/** What a line of a dump program says; null for a line that is none of those. */
export function messageOfDumpProgram(line: string): MessageKind | null {
  if (!line.includes(": ")) return null;
  const said = BY_DUMP_PROGRAM.exec(line)?.[1];
  if (said !== undefined) return kindOf(said);
  return NAMELESS_WARNING.test(line) ? "warning" : null;
}

/**
 * An error of mysqldump and its relatives in the middle of a line: they write standard output a buffer at a time. Their
 * values and comments escape quotes, so that no data has these words.
 */
const ERROR_WITHIN_LINE = /(?:mysqldump|mariadb-dump)[-.\w]*: (?:Couldn't execute '|Got error: \d+: ").*/;

/** What mysqldump says of an error within a line of a statement, from its name on; null where there is nothing. */
export function errorWithinLine(line: string): string | null {
  return ERROR_WITHIN_LINE.exec(line)?.[0] ?? null;
}

/** As `messageOfDumpProgram`, for lines of the programs around it as well, and for errors that name no program. */
export function messageOfAnyProgram(line: string): MessageKind | null {
  const kind = messageOfDumpProgram(line);
  if (kind !== null) return kind;
  if (NAMELESS_ERROR.test(line)) return "error";
  if (!line.includes(": ")) return null;
  return FAILURE.test(BY_OTHER_PROGRAM.exec(line)?.[1] ?? "") ? "error" : null;
}

/** What is not known to be harmless is an error. */
function kindOf(said: string): MessageKind {
  if (WARNING.test(said)) return "warning";
  return PROGRESS.test(said) ? "progress" : "error";
}
