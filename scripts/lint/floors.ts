/** The floors of `src/` (docs/architecture.md): which folder may import from which, as a table and one decision. */

/** The floor of every folder directly below `src/`. */
const FLOOR_BY_FOLDER: Readonly<Record<string, number>> = {
  cli: 6,
  jobs: 5,
  ops: 4,
  backup: 3,
  repository: 2,
  pipeline: 2,
  engine: 2,
  server: 2,
  store: 1,
  format: 1,
  chunker: 1,
  crypto: 1,
  guard: 1,
  policy: 1,
  base: 0,
};

/** Where the files directly in `src/` stand: `main.ts`, `mod.ts`, `worker.ts`, each a stranger to the others. */
const ENTRY_FLOOR = 7;

/**
 * Why the file `from` may not import the file `to`, as one sentence for whoever tries; undefined where it may.
 * Both are paths relative to the project's root with forward slashes. Files outside `src/` may import anything.
 */
export function importProblem(from: string, to: string): string | undefined {
  const importer = placeOf(from);
  if (importer === undefined) return undefined;
  const imported = placeOf(to);
  if (imported === undefined) {
    return `${from} imports ${to}: what ships (src/) never imports tests, scripts or anything else beside it`;
  }
  if (importer.folder === imported.folder) return undefined;
  for (const place of [importer, imported]) {
    if (place.floor === undefined) return `src/${place.folder}/ has no floor: give it one in scripts/lint/floors.ts`;
  }
  if (importer.floor! > imported.floor!) return undefined;
  if (importer.floor === imported.floor) {
    return `${describe(importer)} imports ${describe(imported)}: folders on one floor are strangers, ` +
      "so that each can be understood, tested and replaced alone";
  }
  return `${describe(importer)} imports ${describe(imported)}: a folder imports only from lower floors, ` +
    "type-only imports included, so that nothing low depends on what is built upon it";
}

interface Place {
  /** The folder's name, or the file's where it lies directly in `src/`. */
  readonly folder: string;
  readonly floor: number | undefined;
}

function placeOf(path: string): Place | undefined {
  const [top, folder, ...rest] = path.split("/");
  if (top !== "src" || folder === undefined) return undefined;
  return { folder, floor: rest.length === 0 ? ENTRY_FLOOR : FLOOR_BY_FOLDER[folder] };
}

function describe({ folder, floor }: Place): string {
  return `${folder} (floor ${floor})`;
}
