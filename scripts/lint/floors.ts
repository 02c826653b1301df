/**
 * The floors of `src/`, and the steps between the rooms of a folder (docs/architecture.md): two tables that say which
 * file may import which, and the decision.
 */

/** The steps of a floor or folder, from the bottom up. Entries on the same step must not import each other. */
type Steps = readonly (readonly string[])[];

/**
 * The floors by number, each with the folders directly below `src/`, or the files there. Some floors have several
 * steps.
 */
const FLOORS: Readonly<Record<number, Steps>> = {
  0: [["base"]],
  1: [["codec"], ["store", "filesystem", "format", "chunker", "crypto", "guard", "password", "policy"]],
  2: [["repository", "pipeline", "engine", "server"]],
  3: [["backup"], ["compat"]],
  4: [["maintain"]],
  5: [["ops"]],
  6: [["catalogue", "config", "gateway"]],
  7: [["library"], ["mod.ts", "worker.ts"]],
  8: [["cli"]],
  9: [["main.ts"]],
};

/** All files of a folder that no step names. */
const OTHER_FILES = "*";

/** The folders that have rooms, or files on separate steps. A name is a room, a file, or `OTHER_FILES`. */
const ROOMS: Readonly<Record<string, Steps>> = {
  base: [[OTHER_FILES], ["text"]],
  backup: [
    ["backup.ts", "buffers.ts"],
    ["content", "naming"],
    ["trees"],
    [OTHER_FILES],
    ["archive", "chain", "tables"],
    ["files"],
    ["health.ts", "series_status.ts"],
  ],
  cli: [
    ["terminal"],
    [OTHER_FILES],
    ["catalogue"],
    ["report"],
    ["password"],
    ["settings"],
    ["options"],
    ["manual"],
    ["completion"],
    [
      "archive_run.ts",
      "put_steps.ts",
      "replay_run.ts",
      "restore_run.ts",
      "retention_run.ts",
      "tables_run.ts",
      "verify_restore_run.ts",
    ],
    ["configure", "hooks", "plugins", "service"],
    ["commands"],
    ["command_list.ts"],
    ["program.ts"],
    ["process"],
  ],
  "cli/report/json": [["json_fields.ts"], ["files", "tables", "urls"], [OTHER_FILES], ["values"]],
  "cli/report": [["progress_wording.ts", "files"], ["json"], [OTHER_FILES], ["catalogue", "status", "values"]],
  compat: [["twindb", "dachs"]],
  config: [
    ["configuration.ts", "event_names.ts", "problems.ts", "trusted_file.ts", "values.ts"],
    ["parse"],
    [OTHER_FILES],
    ["write"],
    ["hooks", "import"],
  ],
  crypto: [["md5", "scrypt"], [OTHER_FILES]],
  engine: [
    [OTHER_FILES],
    ["engine_urls.ts"],
    ["client"],
    ["files", "mysql", "postgresql", "sqlite", "stream", "tar"],
    ["scratch", "tables"],
    ["built_in.ts"],
  ],
  "engine/tables": [
    [OTHER_FILES],
    ["mysql", "postgresql", "sqlite"],
    ["table_servers.ts"],
    ["tables_source.ts", "tables_target.ts"],
    ["tables_engine.ts"],
  ],
  "engine/mysql": [[OTHER_FILES], ["load"], ["mysql_target.ts"], ["mysql_engine.ts"]],
  "engine/postgresql": [[OTHER_FILES], ["load"], ["postgresql_target.ts"], ["postgresql_engine.ts"]],
  "engine/files": [["selection"], ["roots"], ["walk"], ["read"], [OTHER_FILES]],
  library: [
    ["events", "machine", "recording", "urls"],
    ["plugins"],
    ["opening"],
    ["backup"],
    ["removal", "restore"],
    [OTHER_FILES],
    ["agent.ts"],
    ["open_agent.ts", "helper", "values"],
  ],
  filesystem: [[OTHER_FILES], ["libc", "portable"], ["open_file_system.ts"]],
  format: [
    [OTHER_FILES],
    ["json"],
    ["index", "tree", "config.ts", "key_file.ts", "lock.ts", "unpacked.ts"],
    ["manifest", "archive"],
    ["snapshot.ts"],
  ],
  guard: [["tables"], [OTHER_FILES], ["container", "database", "sql"], ["formats.ts"]],
  maintain: [["check"], ["copy", "prune", "repair", "retention"], ["stats"]],
  ops: [
    ["access.ts"],
    ["session"],
    ["values"],
    [OTHER_FILES],
    ["repair", "restore", "stats", "storage", "tags", "trees"],
    ["gateway", "tables"],
  ],
  "ops/session": [["session_chunks.ts", "session_limits.ts", "source_ground.ts"], ["tree"], [OTHER_FILES], ["reader"]],
  "ops/restore": [["make_folders.ts"], ["files"], [OTHER_FILES], ["tables"]],
  "ops/restore/files": [
    ["decision.ts", "entry.ts", "packed_entries.ts", "target_calls.ts", "zero_ids.ts"],
    ["target"],
    [OTHER_FILES],
  ],
  pipeline: [["cutting", "index", "known", "trees"], [OTHER_FILES]],
  policy: [[OTHER_FILES], ["level", "retention"]],
  repository: [[OTHER_FILES], ["lock"], ["index"], ["repository.ts"], ["pack"], ["tree"]],
  "repository/index": [[OTHER_FILES], ["sorted", "spilled"]],
  server: [["access_log.ts", "refusal.ts", "routes.ts"], ["connection"], ["access", "files"], [OTHER_FILES]],
  store: [[OTHER_FILES], ["http", "local"], ["cache", "rest", "s3"], ["sorted", "spill"], [
    "built_in.ts",
    "store_urls.ts",
  ]],
  "store/s3": [["signing.ts", "xml.ts"], ["credentials"], [OTHER_FILES]],
};

/**
 * Why the file `from` may not import the file `to`, as one sentence for its author; undefined if it may. Both are paths
 * relative to the project's root, with forward slashes. Files outside `src/` may import anything.
 */
export function importProblem(from: string, to: string): string | undefined {
  if (!from.startsWith("src/")) return undefined;
  if (!to.startsWith("src/")) {
    return `${from} imports ${to}: what ships (src/) never imports tests, scripts or anything else beside it`;
  }
  const [importer, imported] = [from, to].map((path) => path.split("/").slice(1)) as [string[], string[]];
  const depth = sharedDepth(importer, imported);
  return depth === 0 ? floorProblem(importer[0]!, imported[0]!) : roomProblem(importer, imported, depth);
}

/** The number of folders with which both paths begin. */
function sharedDepth(a: readonly string[], b: readonly string[]): number {
  const shortest = Math.min(a.length, b.length) - 1;
  let depth = 0;
  while (depth < shortest && a[depth] === b[depth]) depth++;
  return depth;
}

function floorProblem(importer: string, imported: string): string | undefined {
  for (const name of [importer, imported]) {
    if (floorOf(name) === undefined) return `src/${name}/ has no floor: give it one in scripts/lint/floors.ts`;
  }
  const [above, below] = [floorOf(importer)!, floorOf(imported)!];
  if (importer === imported || compareHeight(above, below) > 0) return undefined;
  const names = `${importer} (floor ${above.floor}) imports ${imported} (floor ${below.floor})`;
  if (compareHeight(above, below) === 0) {
    return `${names}: folders on one floor are strangers, so that each can be understood, tested and replaced alone`;
  }
  return `${names}: a folder imports only from lower floors, type-only imports included, ` +
    "so that nothing low depends on what is built upon it";
}

interface Height {
  readonly floor: number;
  readonly step: number;
}

function compareHeight(a: Height, b: Height): number {
  return a.floor - b.floor || a.step - b.step;
}

function floorOf(name: string): Height | undefined {
  for (const [floor, steps] of Object.entries(FLOORS)) {
    const step = steps.findIndex((names) => names.includes(name));
    if (step >= 0) return { floor: Number(floor), step };
  }
  return undefined;
}

function roomProblem(importer: readonly string[], imported: readonly string[], depth: number): string | undefined {
  const folder = importer.slice(0, depth).join("/");
  const [above, below] = [importer, imported].map((path) => roomIn(folder, path, depth)) as [Room, Room];
  if (above.name === below.name || !above.isFolder && !below.isFolder && ROOMS[folder] === undefined) return undefined;
  for (const { name, step } of [above, below]) {
    if (step < 0) return `src/${folder}/${name} has no step: give it one in scripts/lint/floors.ts`;
  }
  if (above.step > below.step || above.step === below.step && !above.isFolder && !below.isFolder) return undefined;
  return `in src/${folder}/, ${above.name} imports ${below.name}: a room imports only from those on lower steps ` +
    "(scripts/lint/floors.ts), so that each can be read without what is built upon it";
}

/** A room of a folder, or a file directly in it. */
interface Room {
  readonly name: string;
  readonly isFolder: boolean;
  /** -1 if the table does not name it. */
  readonly step: number;
}

function roomIn(folder: string, path: readonly string[], depth: number): Room {
  const name = path[depth]!;
  const isFolder = path.length > depth + 1;
  const steps = ROOMS[folder] ?? [];
  const named = steps.findIndex((names) => names.includes(name));
  const step = named >= 0 || isFolder ? named : steps.findIndex((names) => names.includes(OTHER_FILES));
  return { name, isFolder, step };
}
