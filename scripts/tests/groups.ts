/**
 * Which files of tests share a thread. A thread of its own costs each file most of a second of loading, which is longer
 * than most files take: together they cost a tenth of that.
 */
import { relative, sep } from "node:path";
import { pathToFileURL } from "node:url";

/** A file of tests: its absolute path, and its text. */
interface TestFile {
  readonly path: string;
  readonly text: string;
}

/** Files that one thread loads one after another. */
interface TestGroup {
  readonly name: string;
  readonly paths: readonly string[];
}

/** More would leave threads without work at the end, while one of them is still at its group. */
const MOST_FILES = 6;

/** Of tests of the executable, which load little and take long: a few files of them are a run of their own in CI. */
const MOST_FILES_OF_EXECUTABLE = 3;

/** The folders whose files take longest. They come first, so that what is left for the end is short. */
const LONGEST_FIRST = [
  "e2e",
  "interop",
  "engine",
  "ops",
  "store",
  "stress",
  "library",
  "cli",
  "fault",
  "hostile",
  "scripts",
];

/** Files that run the agent in their own process change the sandbox for their whole thread. */
const RUNS_AGENT_HERE = /^runAgentHere\(\);/m;

/** How a file says that nothing else may run in its thread, and why. */
const ALONE = /^\/\/ Alone in its thread: /m;

/** The groups of the files of tests below `root`: of each folder directly below it by itself, in the order of paths. */
export function groupFiles(files: readonly TestFile[], root: string): TestGroup[] {
  const kinds = new Map<string, string[]>();
  for (const { path, text } of [...files].sort((a, b) => a.path < b.path ? -1 : 1)) {
    const kind = kindOf({ path, text }, root);
    kinds.set(kind, [...kinds.get(kind) ?? [], path]);
  }
  const inOrder = [...kinds].sort(([a], [b]) => rankOf(a) - rankOf(b));
  return inOrder.flatMap(([kind, paths]) =>
    shares(kind, paths).map((paths, i) => ({ name: `${kind}_${i + 1}`, paths }))
  );
}

/** The text of a module that loads the files of a group in their order. */
export function moduleOf({ paths }: TestGroup): string {
  return paths.map((path) => `import ${JSON.stringify(pathToFileURL(path).href)};\n`).join("");
}

function kindOf({ path, text }: TestFile, root: string): string {
  const [folder] = relative(root, path).split(sep);
  if (ALONE.test(text)) return relative(root, path).replaceAll(sep, "_").replace(/_test\.ts$/, "");
  return RUNS_AGENT_HERE.test(text) ? `${folder}_here` : folder!;
}

function rankOf(kind: string): number {
  const rank = LONGEST_FIRST.findIndex((folder) => kind === folder || kind.startsWith(`${folder}_`));
  return rank < 0 ? LONGEST_FIRST.length : rank;
}

/** As few shares as can be, of almost the same size. */
function shares(kind: string, paths: readonly string[]): string[][] {
  const most = kind === "e2e" ? MOST_FILES_OF_EXECUTABLE : MOST_FILES;
  const count = Math.ceil(paths.length / most);
  const from = (share: number) => Math.floor(share * paths.length / count);
  return Array.from({ length: count }, (_, share) => paths.slice(from(share), from(share + 1)));
}
