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

/** A path, the program's name, a colon; then what it says. */
function saidBy(programs: readonly string[]): RegExp {
  return new RegExp(`^${PATH}(?:${programs.join("|")})(?:\\.exe)?: (.*)$`);
}

const BY_DUMP_PROGRAM = saidBy(DUMP_PROGRAMS);
const BY_OTHER_PROGRAM = saidBy(OTHER_PROGRAMS);
/** Errors that programs write without their name. */
const NAMELESS_ERROR =
  /^(?:ERROR \d+ \([0-9A-Z]{5}\)|ERROR:|error:|Error: (?:No such container|Cannot connect)|Error response from daemon:|Error from server|Permission denied|Host key verification failed)/;
/** Warnings of mysqldump and its relatives have no name before them, some are SQL comments. */
const NAMELESS_WARNING = /^(?:-- )?(?:Warning|WARNING): /;
const WARNING = /^(?:\[?warning\]?\b|deprecated program name)/i;
/** What pg_dump says with `--verbose`, and what belongs to a message before. */
const PROGRESS =
  /^(?:\[Note\]|(?:detail|hint|Detail|Hint|DETAIL|HINT): |last built-in OID is |(?:reading|identifying|finding|flagging|saving|creating|processing|dumping|executing|implied|entering|found|restoring|running|setting) )/;

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Texts of one or two characters: a line that begins with none of them is no message, whatever the program's path is. */
export const MESSAGE_BEGINNINGS: readonly string[] = [
  ...["/", "\\", "./", ".\\", "..", "--", "ER", "er", "Er", "Pe", "Ho", "Wa", "WA"],
  ...[...LETTERS].map((drive) => `${drive}:`),
  ...[...DUMP_PROGRAMS, ...OTHER_PROGRAMS].map((name) => name.slice(0, 2)),
];

/** What a line of a dump program says; null for a line that is none of those. */
export function messageOfDumpProgram(line: string): MessageKind | null {
  if (!line.includes(": ")) return null;
  const said = BY_DUMP_PROGRAM.exec(line)?.[1];
  if (said !== undefined) return kindOf(said);
  return NAMELESS_WARNING.test(line) ? "warning" : null;
}

/** As `messageOfDumpProgram`, for lines of the programs around it as well, and for errors that name no program. */
export function messageOfAnyProgram(line: string): MessageKind | null {
  const kind = messageOfDumpProgram(line);
  if (kind !== null) return kind;
  if (NAMELESS_ERROR.test(line)) return "error";
  if (!line.includes(": ")) return null;
  const said = BY_OTHER_PROGRAM.exec(line)?.[1];
  return said === undefined ? null : kindOf(said);
}

/** What is not known to be harmless is an error. */
function kindOf(said: string): MessageKind {
  if (WARNING.test(said)) return "warning";
  return PROGRESS.test(said) ? "progress" : "error";
}
