/** Excludes compared with what git ignores, on a real tree and with generated patterns. */
import { deepEqual } from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { PathRules } from "../../../../src/engine/files/selection/path_rules.ts";
import { ruleOfArgument, rulesOfFile, rulesOfFileIn } from "../../../../src/engine/files/selection/pattern.ts";
import { bytesOfByteString, byteStringOf } from "../../../../src/format/byte_string.ts";
import { programTest } from "../../../helpers/programs.ts";

// Each name has as many characters as bytes, or more characters than any generated pattern has wildcards: to git, a
// wildcard stands for one byte.
const NAMES = ["a", "b", "ab", "a b", "x.tmp", "größe", "#h", "!n", "[x]", "b\\c", "A", "**", "c "];
const DIRECTORY_NAMES = ["a", "b", "ab", "x.tmp", "[x]", "A"];

/** A pattern as a user of agent writes it, and as the `.gitignore` at the top needs it. */
interface Pair {
  readonly ours: string;
  readonly gits: string;
}

const ATOMS = fc.constantFrom(
  "a",
  "b",
  "A",
  "*",
  "?",
  "[ab]",
  "[!a]",
  "[a-c]",
  ".tmp",
  "\\[x\\]",
  "\\*",
  "ö",
  " ",
  "#",
);
const QUOTED = [...NAMES, "a", "b", "ab", "a", "b"].map((name) => name.replaceAll(/[\\[\]*!#]/g, "\\$&"));
const SEGMENT = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...QUOTED) },
  { weight: 3, arbitrary: fc.constantFrom("*", "?", "a*", "*b", "[ab]", "[!a]*", "[[:alpha:]]", "*.tmp", "[a-c]?") },
  { weight: 2, arbitrary: fc.constant("**") },
  { weight: 1, arbitrary: fc.array(ATOMS, { minLength: 1, maxLength: 3 }).map((atoms) => atoms.join("")) },
);
const PATTERN: fc.Arbitrary<Pair> = fc.record({
  segments: fc.array(SEGMENT, { minLength: 1, maxLength: 3 }).filter((segments) =>
    segments.at(-1)!.trim() !== "" && !segments[0]!.startsWith("#")
  ),
  isNegated: fc.nat(2).map((n) => n === 0),
  isAnchored: fc.boolean(),
  isForDirectories: fc.boolean(),
}).map(({ segments, isNegated, isAnchored, isForDirectories }) => {
  const pattern = (begin: string) =>
    (isNegated ? "!" : "") + begin + segments.join("/") + (isForDirectories ? "/" : "");
  const begin = segments.length > 1 && segments[0] !== "**" ? "**/" : "";
  return isAnchored ? { ours: pattern("/"), gits: pattern("/") } : { ours: pattern(""), gits: pattern(begin) };
});

/** A tree, by path; true for directories. */
function tree(): Map<string, boolean> {
  const entries = new Map<string, boolean>();
  const directories = ["", ...DIRECTORY_NAMES, ...DIRECTORY_NAMES.flatMap((a) => ["b", "[x]"].map((b) => `${a}/${b}`))];
  for (const directory of directories) {
    if (directory !== "") entries.set(directory, true);
    for (const name of NAMES) {
      const path = directory === "" ? name : `${directory}/${name}`;
      if (!directories.includes(path)) entries.set(path, false);
    }
  }
  return entries;
}

class Repository {
  readonly entries = tree();
  readonly #git: string;
  readonly #directory: string;

  constructor(git: string, directory: string) {
    this.#git = git;
    this.#directory = directory;
    this.run(["init", "-q"]);
    for (const [path, isDirectory] of this.entries) {
      if (isDirectory) Deno.mkdirSync(join(directory, path), { recursive: true });
      else Deno.writeTextFileSync(join(directory, path), "");
    }
  }

  /** The paths that git ignores. */
  ignored(lines: string, ...settings: string[]): string[] {
    Deno.writeTextFileSync(join(this.#directory, ".gitignore"), lines);
    const list = join(this.#directory, ".git", "list");
    Deno.writeFileSync(list, bytesOfByteString([...this.entries.keys()].join("\0")));
    const output = this.run([...settings, "check-ignore", "--no-index", "-z", "--stdin"], list);
    return byteStringOf(output).split("\0").filter((path) => path !== "").sort();
  }

  run(args: string[], input = "/dev/null"): Uint8Array {
    const command = new Deno.Command("sh", {
      args: ["-c", 'exec "$0" "$@" <"$INPUT"', this.#git, ...args],
      cwd: this.#directory,
      env: { INPUT: input, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1", XDG_CONFIG_HOME: "/nonexistent" },
      stderr: "inherit",
    });
    return command.outputSync().stdout;
  }
}

function excluded(entries: ReadonlyMap<string, boolean>, rules: PathRules): string[] {
  return [...entries].filter(([path, isDirectory]) => rules.matches(path, isDirectory)).map(([path]) => path).sort();
}

async function withRepository(git: string, work: (repository: Repository) => void): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    work(new Repository(git, directory));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

for (const [ignoreCase, setting] of [[false, "core.ignoreCase=false"], [true, "core.ignoreCase=true"]] as const) {
  programTest({
    name: `generated patterns exclude what git ignores, with ${setting}`,
    needs: ["git"],
    fn: ({ git }) =>
      withRepository(git, (repository) => {
        fc.assert(
          fc.property(fc.array(PATTERN, { minLength: 1, maxLength: 5 }), (pairs) => {
            const rules = rulesOfFile(pairs.map(({ ours }) => ours).join("\n"), "list");
            const expected = repository.ignored(`${pairs.map(({ gits }) => gits).join("\n")}\n`, "-c", setting);
            deepEqual(excluded(repository.entries, new PathRules(rules, { ignoreCase })), expected);
          }),
          { seed: 13, numRuns: 250 },
        );
      }),
  });
}

programTest({
  name: "generated patterns of a file that lies in a directory exclude there what git ignores, and nothing outside",
  needs: ["git"],
  fn: ({ git }) =>
    withRepository(git, (repository) => {
      fc.assert(
        fc.property(
          fc.array(PATTERN, { minLength: 1, maxLength: 5 }),
          fc.constantFrom("", "srv/site", "srv/*/[x]", "srv/b\\c/!n/#h "),
          (pairs, directory) => {
            const file = `${pairs.map(({ ours }) => ours).join("\n")}\n`;
            const rules = new PathRules(rulesOfFileIn(directory, file, "list"), { ignoreCase: false });
            const prefix = directory === "" ? "" : `${directory}/`;
            const within = new Map([...repository.entries].map(([path, isDirectory]) => [prefix + path, isDirectory]));
            deepEqual(excluded(within, rules), repository.ignored(file).map((path) => prefix + path).sort());
            if (directory !== "") deepEqual(excluded(repository.entries, rules), []);
          },
        ),
        { seed: 17, numRuns: 250 },
      );
    }),
});

programTest({
  name: "files of patterns are read as git reads them: comments, line ends, byte order marks, quoting, order",
  needs: ["git"],
  fn: ({ git }) =>
    withRepository(git, (repository) => {
      const files = [
        "# a\r\n\r\na\r\n!/b/a\r\n",
        "\ufeffa\nb\n",
        "\\#h\n\\!n\n",
        "a b   \nc\\ \n",
        "*\n!a\n!*.tmp\n",
        "!a\na",
        "a/\n!/a/b",
        "\\[x\\]\n",
        "b\\\\c",
        "\\*\\*",
        "  a\n",
        "a\t\n",
      ];
      for (const file of files) {
        const rules = new PathRules(rulesOfFile(file, "list"), { ignoreCase: false });
        deepEqual(excluded(repository.entries, rules), repository.ignored(file), JSON.stringify(file));
      }
    }),
});

Deno.test("an argument is one pattern, and every character of it counts", () => {
  const matching: readonly [string, string][] = [
    ["#h", "d/#h"],
    ["c ", "c "],
    ["line\n", "line\n"],
    ["a\nb", "a\nb"],
    ["a\udcff", "d/a\udcff"],
    ["*.\udcff", "x.\udcff"],
  ];
  for (const [pattern, path] of matching) {
    const rules = new PathRules([ruleOfArgument(pattern)], { ignoreCase: false });
    deepEqual([rules.matches(path, false), rules.matches(path.trimEnd() + "x", false)], [true, false], pattern);
  }
});
