/** Which PATHs are read, of those that are given, and what is told of the others. */
import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { posix } from "node:path";
import fc from "fast-check";
import { SourceError, UsageError } from "../../../../src/base/errors.ts";
import { pathBelowRoot } from "../../../../src/engine/files/roots/absolute_path.ts";
import { planRoots, type RootsContext, type RulesBesideRoots } from "../../../../src/engine/files/roots/plan_roots.ts";
import { isWithin, pseudoFileSystems } from "../../../../src/engine/files/roots/pseudo_file_systems.ts";
import { type MadePath, MadePaths } from "../../../helpers/made_paths.ts";

const NO_RULES: RulesBesideRoots = {
  excluded: [],
  excludedIgnoringCase: [],
  markers: [],
  largestFileBytes: null,
  oneFileSystem: false,
};
const PATHS: Readonly<Record<string, MadePath>> = {
  "/etc/passwd": "file",
  "/srv/data/a": "file",
  "/srv/data/b/c": "file",
  "/srv/link": { to: "data/b" },
  "/srv/circle": { to: "circle" },
  "/srv/run.sock": "socket",
  "/srv/closed": "unknown",
  "/backup/repo/config": "file",
  "/backup/way": { to: "/backup/repo" },
  "/proc/1/status": "file",
};

function plan(given: readonly string[], rules: Partial<RulesBesideRoots> = {}, context: Partial<RootsContext> = {}) {
  return planRoots(given, { ...NO_RULES, ...rules }, {
    directory: "/srv",
    look: new MadePaths(PATHS),
    pseudo: [{ path: "proc", type: "proc" }],
    own: [],
    ...context,
  });
}

Deno.test("PATHs are read once, in the order of a walk, wherever they are named from", () => {
  const { selection, notes, problems } = plan(["data/./b//", "../etc/", "/srv/data/a", ".//data/a", "/etc"]);
  deepEqual(selection.roots, ["etc", "srv/data/a", "srv/data/b"]);
  deepEqual([notes, problems], [["named more than once, and backed up once: /srv/data/a, /etc"], []]);
});

Deno.test("a PATH within another one is dropped, except where each has its own file system", () => {
  deepEqual(plan(["/", "/srv/data", "/srv/data/b"]).selection.roots, [""]);
  deepEqual(plan(["/srv/data", "/srv"]).notes, ["named, and within another PATH anyway: /srv/data"]);
  deepEqual(plan(["/srv", "/srv/data"], { oneFileSystem: true }).selection.roots, ["srv", "srv/data"]);
});

Deno.test("a link is kept as one, whatever follows its name, and links before .. are followed", () => {
  for (const given of ["link", "link/", "./link/."]) {
    const { selection, notes } = plan([given]);
    deepEqual(selection.roots, ["srv/link"]);
    match(notes[0]!, /^\/srv\/link is a symbolic link and backed up as one; .* name \/srv\/data\/b$/);
  }
  deepEqual(plan(["link/../a"]).selection.roots, ["srv/data/a"]);
  throws(() => plan(["circle/.."]), (error) => error instanceof UsageError && /in a circle/.test(error.message));
  throws(() => plan(["link", "link/c"], {}, { look: new MadePaths({ ...PATHS, "/srv/link/c": "file" }) }), UsageError);
});

Deno.test("what is not there is a problem with the nearest name, and the rest is read", () => {
  const { selection, problems } = plan(["/etc/passwd", "/srv/dtaa", "run.sock", "closed"]);
  deepEqual(selection.roots, ["etc/passwd"]);
  deepEqual(problems, [
    "/srv/closed: permission denied",
    "/srv/dtaa: there is no such file or directory; did you mean /srv/data?",
    "/srv/run.sock: it is a socket, which no backup keeps",
  ]);
  throws(() => plan(["/ect"]), (error) => error instanceof SourceError && /did you mean \/etc\?/.test(error.message));
});

Deno.test("what makes no sense is refused", () => {
  const refused: [string[], RegExp][] = [
    [[""], /A PATH is empty/],
    [["/proc"], /lies in \/proc \(proc\).*--exclude \/proc/],
    [["/etc", "/proc/1/status"], /Refusing to back up \/proc\/1\/status/],
    [["a\0b"], /contains a NUL/],
  ];
  for (const [given, message] of refused) {
    throws(() => plan(given), (error) => error instanceof UsageError && message.test(error.message), given.join());
  }
});

Deno.test("pseudo file systems and this program's own directories stay empty, and that is told", () => {
  const own = [{ path: "/backup/way", what: "the repository" }];
  const { selection, notes } = plan(["/"], {}, { own });
  deepEqual(notes, ["left out what is in /proc (proc), /backup/repo (the repository)"]);
  deepEqual(selection.emptied.map(({ path }) => path), ["proc", "backup/repo"]);
  ok(selection.emptied[1]!.file !== null);
  deepEqual(plan(["/"], { excluded: ["/proc"] }).notes, []);
  for (const given of ["/backup/repo", "/backup/repo/config"]) {
    throws(
      () => plan([given], {}, { own }),
      (error) => error instanceof UsageError && /the repository/.test(error.message),
    );
  }
});

Deno.test("a PATH that a pattern excludes is left out and told; all of them excluded is a mistake", () => {
  const { selection, notes } = plan(["/etc", "/srv/data", "/proc"], { excluded: ["data/", "/proc"] });
  deepEqual(selection.roots, ["etc"]);
  deepEqual(notes, ["left out, because a pattern excludes it: /proc, /srv/data"]);
  throws(() => plan(["/srv/data/b"], { excluded: ["data"] }), UsageError);
  deepEqual(plan(["/etc/passwd"], { largestFileBytes: 1 }).notes.length, 1);
});

const NAME = fc.constantFrom("a", "b", "a.b", "é", "a\udcff", "\u{1f600}");
const GIVEN = fc.tuple(
  fc.constantFrom("", "/", "//"),
  fc.array(fc.oneof(NAME, fc.constantFrom(".", "..", "")), { maxLength: 6 }),
)
  .map(([begin, names]) => begin + names.join("/")).filter((path) => path !== "");

Deno.test("a normal path stays as it is, and is found from everywhere", () => {
  const none = () => null;
  fc.assert(
    fc.property(GIVEN, fc.array(NAME), (given, directory) => {
      const path = pathBelowRoot(given, `/${directory.join("/")}`, none);
      equal(pathBelowRoot(`/${path}`, "/elsewhere", none), path);
      equal(pathBelowRoot(`${given}/.`, `/${directory.join("/")}`, none), path);
      const names = path === "" ? [] : path.split("/");
      ok(names.every((name) => !["", ".", ".."].includes(name)));
      equal(`/${path}`, posix.resolve(`/${directory.join("/")}`, given));
    }),
    { seed: 13, numRuns: 500 },
  );
});

Deno.test("of several PATHs none lies in another, and each given one lies in one", () => {
  const names = fc.array(fc.constantFrom("a", "b", "a-", "a.b"), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(fc.array(names, { minLength: 1, maxLength: 8 }), (given) => {
      const paths = given.map((each) => `/${each.join("/")}`);
      const look = new MadePaths(Object.fromEntries(paths.map((path) => [path, "folder" as const])));
      const { roots } = plan(paths, {}, { look }).selection;
      for (const path of paths) equal(roots.filter((root) => isWithin(path.slice(1), root)).length, 1, path);
      for (const root of roots) ok(paths.includes(`/${root}`));
    }),
    { seed: 13, numRuns: 300 },
  );
});

Deno.test("pseudo file systems are those of the mount table, with quoted places, the last mount on top", () => {
  const table = [
    "22 28 0:20 / /sys rw,nosuid shared:7 - sysfs sysfs rw",
    "23 28 0:21 / /proc rw - proc proc rw",
    "24 22 0:6 / /sys/kernel/debug rw shared:8 - debugfs debugfs rw",
    "28 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw",
    "30 28 0:40 / /srv/a\\040b/proc rw - proc proc rw",
    "31 28 0:41 / /over rw - proc proc rw",
    "32 28 8:2 / /over rw - xfs /dev/sdb rw",
    "",
  ].join("\n");
  deepEqual(pseudoFileSystems(new TextEncoder().encode(table)), [
    { path: "sys", type: "sysfs" },
    { path: "proc", type: "proc" },
    { path: "srv/a b/proc", type: "proc" },
  ]);
  deepEqual(pseudoFileSystems(undefined).map(({ path }) => path), ["proc", "sys"]);
});
