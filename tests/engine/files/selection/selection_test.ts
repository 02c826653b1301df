/** What a walk of a files backup is told, and what a plan of a restore is. */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import fc from "fast-check";
import { UsageError } from "../../../../src/base/errors.ts";
import { CACHE_DIRECTORY_TAG, parseDirectoryMarker } from "../../../../src/engine/files/selection/directory_marker.ts";
import { ruleOfArgument, rulesOfFile } from "../../../../src/engine/files/selection/pattern.ts";
import { restoreRules, RestoreSelection } from "../../../../src/engine/files/selection/restore_selection.ts";
import { Selection, type SelectionRules } from "../../../../src/engine/files/selection/selection.ts";

function selection(rules: Partial<SelectionRules>): Selection {
  return new Selection({
    roots: [""],
    excluded: [],
    excludedIgnoringCase: [],
    markers: [],
    largestFileBytes: null,
    oneFileSystem: false,
    emptied: [],
    ...rules,
  });
}

const at = (path: string, deviceId = 1n, inode = 1n) => ({ path, deviceId, inode });

Deno.test("a pattern matches at any depth, one with a slash at its beginning from the root", () => {
  const excluded = ["*.tmp", "!keep.tmp", "/home/*/.cache", "build/out", "logs/"].map(ruleOfArgument);
  const asked = selection({ excluded, excludedIgnoringCase: ["*.BAK"] });
  const left = ["a.tmp", "x/a.tmp", "home/u/.cache", "home/u/.cache/a", "srv/build/out", "x.bak", "d/y.Bak", "logs/a"];
  for (const path of left) ok(!asked.includesName(path, false), path);
  const kept = ["keep.tmp", "srv/home/u/.cache", "home/.cache", "build", "logs", "a.TMP", "", "x\udcff.tmpx"];
  for (const path of kept) ok(asked.includesName(path, false), path);
  ok(!asked.includesName("logs", true));
});

Deno.test("a pattern that nothing can match is refused, with its line if it stands in a file", () => {
  for (const pattern of ["", "/", "!", "./cache", "../x", "a/../b", "a\\", "[ab", "~/x", "$HOME/x", "${DATA}/x"]) {
    throws(() => ruleOfArgument(pattern), UsageError, pattern);
  }
  for (const pattern of ["a//b", "a/./b", "$RECYCLE.BIN/", "\\[ab", "[]]", "[[:alpha:]]", "#x", "~", "a/."]) {
    ok(ruleOfArgument(pattern), pattern);
  }
  deepEqual(ruleOfArgument("/a//b/./c/."), "/a/b/c/");
  throws(() => rulesOfFile("a\n\n./b\n", "list"), /line 3 of list/);
});

Deno.test("as many questions as there are files get the same answers", () => {
  const asked = selection({ excluded: ["*.tmp", "/a/b/"] });
  for (let i = 0; i < 30_000; i++) {
    equal(asked.includesName(`a/c/${i}.${i % 3 === 0 ? "tmp" : "txt"}`, false), i % 3 !== 0);
    if (i % 5000 === 0) ok(!asked.includesName(`a/b/${i}`, false));
  }
});

Deno.test("only the way to the PATHs is read above them, and everything in them", () => {
  const asked = selection({ roots: ["etc", "srv/a", "srv/b/c"] });
  deepEqual(asked.contentOf(at(""), null), { kind: "only", names: ["etc", "srv"], fileSystem: null });
  deepEqual(asked.contentOf(at("srv/b"), null), { kind: "only", names: ["c"], fileSystem: null });
  deepEqual(asked.contentOf(at("srv/b/c", 2n), null), { kind: "all", fileSystem: 2n });
  deepEqual(asked.contentOf(at("srv/b/c/d", 3n), 2n), { kind: "all", fileSystem: 2n });
  deepEqual(asked.contentOf(at("opt"), null), { kind: "nothing" });
});

Deno.test("on one file system, what is mounted stays empty, except for the way to another PATH", () => {
  const asked = selection({ roots: ["", "home/u"], oneFileSystem: true });
  deepEqual(asked.contentOf(at("", 1n), null), { kind: "all", fileSystem: 1n });
  deepEqual(asked.contentOf(at("srv", 1n), 1n), { kind: "all", fileSystem: 1n });
  deepEqual(asked.contentOf(at("mnt", 2n), 1n), { kind: "nothing" });
  deepEqual(asked.contentOf(at("home", 2n), 1n), { kind: "only", names: ["u"], fileSystem: null });
  deepEqual(asked.contentOf(at("home/u", 2n), null), { kind: "all", fileSystem: 2n });
  deepEqual(asked.contentOf(at("home/u/x", 1n), 2n), { kind: "nothing" });
});

Deno.test("a directory that stays empty does so by its path, and by its inode wherever it is", () => {
  const file = { deviceId: 5n, inode: 7n };
  const asked = selection({ emptied: [{ path: "proc", file: null, why: "" }, { path: "repo", file, why: "" }] });
  for (const directory of [at("proc", 9n, 1n), at("repo", 9n, 9n), at("mnt/bind", 5n, 7n)]) {
    deepEqual(asked.contentOf(directory, 1n), { kind: "nothing" });
  }
  equal(asked.contentOf(at("srv/proc", 5n, 8n), 1n).kind, "all");
});

Deno.test("a marker counts by its name, and by what it begins with", () => {
  const markers = [CACHE_DIRECTORY_TAG, ...[".nobackup", "TAG:keep: no"].map(parseDirectoryMarker)];
  const asked = selection({ markers });
  const among = (files: Record<string, string | null>) => {
    const head = (name: string, bytes: number) =>
      files[name] === null ? null : new TextEncoder().encode(files[name]).subarray(0, bytes);
    return asked.markerAmong(new Set(Object.keys(files)), head);
  };
  const signature = "Signature: 8a477f597d28d172789f06886806bc55";
  equal(among({ a: "", "CACHEDIR.TAG": `${signature}\n# made by a test` }), "CACHEDIR.TAG");
  equal(among({ "CACHEDIR.TAG": signature.slice(0, -1) }), undefined);
  equal(among({ "CACHEDIR.TAG": ` ${signature}` }), undefined);
  equal(among({ "CACHEDIR.TAG": null }), undefined);
  equal(among({ ".nobackup": null }), ".nobackup");
  equal(among({ TAG: "keep: no, never" }), "TAG");
  equal(among({ TAG: "keep: yes", b: "" }), undefined);
  for (const text of ["", ":x", "a/b", "..", "TAG:"]) throws(() => parseDirectoryMarker(text), UsageError, text);
  deepEqual(parseDirectoryMarker("a:b:c"), { name: "a", header: "b:c" });
});

Deno.test("files larger than the limit are left out", () => {
  const asked = selection({ largestFileBytes: 100 });
  deepEqual([asked.includesFile(100), asked.includesFile(101)], [true, false]);
  ok(selection({}).includesFile(2 ** 50));
});

Deno.test("a restore brings back what is included and not excluded, and looks through what leads there", () => {
  const asked = new RestoreSelection(restoreRules({ include: ["/etc/ssh", "/home/*/x"], exclude: ["*_key", "/srv"] }));
  deepEqual(asked.judge("etc", true), "way");
  deepEqual(asked.judge("etc/ssh", true), "restore");
  deepEqual(asked.judge("etc/ssh/sshd_config", false), "restore");
  deepEqual(asked.judge("etc/ssh/host_key", false), "skip");
  deepEqual(asked.judge("etc/apt", true), "skip");
  deepEqual(asked.judge("etc", false), "skip");
  deepEqual(asked.judge("home/u", true), "way");
  deepEqual(asked.judge("home/u/x", true), "restore");
  deepEqual(asked.judge("", true), "way");
  deepEqual(new RestoreSelection(restoreRules({ include: [], exclude: ["/srv"] })).judge("etc", false), "restore");
  deepEqual(new RestoreSelection(restoreRules({ include: ["*.conf"], exclude: [] })).judge("any/where", true), "way");
  throws(() => restoreRules({ include: ["!x"], exclude: [] }), UsageError);
});

Deno.test("every directory above a restored entry is restored or looked through", () => {
  const name = fc.constantFrom("a", "b", "c.conf", "*", "?", "**", "[ab]");
  const pattern = fc.tuple(fc.boolean(), fc.array(name, { minLength: 1, maxLength: 3 }))
    .map(([isAnchored, names]) => (isAnchored ? "/" : "") + names.join("/"));
  const path = fc.array(fc.constantFrom("a", "b", "c.conf"), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(
      fc.array(pattern, { minLength: 1, maxLength: 3 }),
      fc.array(pattern, { maxLength: 2 }),
      path,
      (...all) => {
        const [include, exclude, names] = all;
        const asked = new RestoreSelection(restoreRules({ include, exclude }));
        if (asked.judge(names.join("/"), false) !== "restore") return;
        for (let end = 0; end < names.length; end++) {
          ok(asked.judge(names.slice(0, end).join("/"), true) !== "skip", names.slice(0, end).join("/"));
        }
      },
    ),
    { seed: 13, numRuns: 1000 },
  );
});
