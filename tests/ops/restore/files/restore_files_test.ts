/** Restores of trees: what lies in the target decides what is written, and nothing leads out of it. */
import assert from "node:assert/strict";
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { UsageError } from "../../../../src/base/errors.ts";
import { GoFileMode } from "../../../../src/format/tree/file_mode.ts";
import { rootTest } from "../../../helpers/as_root.ts";
import { concat, noise } from "../../../helpers/world.ts";
import type { Planted } from "../../archive_fixture.ts";
import {
  backupOf,
  backupWithTwins,
  directory,
  file,
  FILES,
  link,
  Place,
  restored,
  restoreInto,
} from "./files_fixture.ts";

const CHUNKS = [noise(300_000, "a"), noise(200_000, "b"), noise(100_000, "c")];
const text = (bytes: string) => new TextEncoder().encode(bytes);
const MTIME_MS = 1_790_000_000_123;

Deno.test("a tree comes back with contents, times and links", async () => {
  const backup = await backupOf([
    directory("d", file("big", ...CHUNKS), directory("empty"), link("to", "../elsewhere")),
    file("nothing"),
  ]);
  using place = new Place();
  const { result, problems } = await restored(place.at("t"), backup);
  assert.deepEqual(problems, []);
  assert.deepEqual(new Uint8Array(readFileSync(place.at("t/d/big"))), concat(CHUNKS));
  assert.equal(readlinkSync(place.at("t/d/to")), "../elsewhere");
  assert.equal(readFileSync(place.at("t/nothing")).length, 0);
  for (const path of ["t/d", "t/d/big", "t/d/empty", "t/nothing"]) {
    assert.equal(Math.floor(statSync(place.at(path)).mtimeMs), MTIME_MS, path);
  }
  assert.deepEqual([result.counts.create, result.files, result.bytesWritten], [5, 2, 600_000]);
});

Deno.test("in place only the chunks that differ are written, and a second time nothing is", async () => {
  const backup = await backupOf([directory("d", file("big", ...CHUNKS))]);
  using place = new Place();
  mkdirSync(place.at("d"));
  const wrong = concat([...CHUNKS, text("longer")]);
  wrong[350_000]! ^= 1;
  writeFileSync(place.at("d/big"), wrong);
  const { ino } = statSync(place.at("d/big"));
  const { result, plan } = await restored(place.path, backup, { ifExists: "always", dryRun: true });
  assert.deepEqual(plan, ["update d: is there; its metadata differ", "update d/big: differs in 1 of 3 chunks"]);
  assert.equal(result.bytesWritten, 0);
  const first = await restored(place.path, backup, { ifExists: "always" });
  assert.equal(first.result.bytesWritten, 200_000);
  assert.deepEqual(new Uint8Array(readFileSync(place.at("d/big"))), concat(CHUNKS));
  assert.equal(statSync(place.at("d/big")).ino, ino);
  const ctime = statSync(place.at("d/big"), { bigint: true }).ctimeNs;
  const second = await restored(place.path, backup, { ifExists: "always" });
  assert.deepEqual([second.result.counts.keep, second.result.bytesWritten], [2, 0]);
  assert.equal(statSync(place.at("d/big"), { bigint: true }).ctimeNs, ctime);
});

Deno.test("runs of zeros become holes, also in a file that is there", async () => {
  const zeros = new Uint8Array(1_000_000);
  const backup = await backupOf([file("f", CHUNKS[0]!, zeros, zeros, CHUNKS[1]!, zeros)]);
  using place = new Place();
  for (const prepare of [() => {}, () => writeFileSync(place.at("t/f"), noise(4_000_000, "dense"))]) {
    prepare();
    await restored(place.at("t"), backup, { ifExists: "always" });
    const bytes = readFileSync(place.at("t/f"));
    assert.ok(bytes.equals(concat([CHUNKS[0]!, zeros, zeros, CHUNKS[1]!, zeros])));
    assert.ok(statSync(place.at("t/f")).blocks * 512 < 1_500_000);
  }
});

Deno.test("a target that is not empty is refused, unless it was said what to do", async () => {
  const backup = await backupOf([file("f", text("new"))]);
  using place = new Place();
  writeFileSync(place.at("other"), "");
  const { error } = await restoreInto(place.path, backup);
  assert.ok(error instanceof UsageError);
  assert.deepEqual(readdirSync(place.path), ["other"]);
  await restored(place.path, backup, { ifExists: "never" });
  assert.deepEqual(readdirSync(place.path).sort(), ["f", "other"]);
});

Deno.test("if-exists: never, if-newer and if-changed leave what they promise to leave", async () => {
  const backup = await backupOf([file("f", text("backup"))]);
  const cases = [
    ["never", "older!", MTIME_MS / 1000 - 9, "older!"],
    ["if-newer", "newer!", MTIME_MS / 1000 + 9, "newer!"],
    ["if-newer", "older!", MTIME_MS / 1000 - 9, "backup"],
    ["if-changed", "larger!", MTIME_MS / 1000, "backup"],
    ["always", "newer!", MTIME_MS / 1000 + 9, "backup"],
  ] as const;
  for (const [ifExists, content, mtime, expected] of cases) {
    using place = new Place();
    writeFileSync(place.at("f"), content);
    utimesSync(place.at("f"), mtime, mtime);
    await restored(place.path, backup, { ifExists });
    assert.equal(readFileSync(place.at("f"), "utf8"), expected, `${ifExists} ${content}`);
  }
});

Deno.test("other kinds of entries are replaced, but no folder that holds something", async () => {
  const backup = await backupOf([
    directory("folder", file("in", text("in"))),
    file("overFull", text("a")),
    file("overEmpty", text("b")),
    file("overLink", text("c")),
    link("overFile", "x"),
  ]);
  using place = new Place();
  using outside = new Place();
  writeFileSync(outside.at("kept"), "kept");
  symlinkSync(outside.path, place.at("folder"));
  mkdirSync(place.at("overFull/deep"), { recursive: true });
  mkdirSync(place.at("overEmpty"));
  symlinkSync(outside.at("kept"), place.at("overLink"));
  writeFileSync(place.at("overFile"), "");
  const { problems, result } = await restored(place.path, backup, { ifExists: "always" });
  assert.equal(problems.length, 1, problems.join("\n"));
  assert.match(problems[0]!, /overFull/);
  assert.deepEqual(readdirSync(place.at("overFull")), ["deep"]);
  assert.ok(lstatSync(place.at("folder")).isDirectory());
  assert.equal(readFileSync(place.at("folder/in"), "utf8"), "in");
  assert.equal(readFileSync(place.at("overEmpty"), "utf8"), "b");
  assert.equal(readFileSync(place.at("overLink"), "utf8"), "c");
  assert.equal(readlinkSync(place.at("overFile")), "x");
  assert.deepEqual(readdirSync(outside.path), ["kept"]);
  assert.equal(readFileSync(outside.at("kept"), "utf8"), "kept");
  assert.equal(result.counts.replace, 5);
});

Deno.test("nothing below what stays is restored, and each is skipped", async () => {
  const backup = await backupOf([directory("d", directory("e", file("f", text("f")))), file("g", text("g"))]);
  using place = new Place();
  using outside = new Place();
  symlinkSync(outside.path, place.at("d"));
  const { result } = await restored(place.path, backup, { ifExists: "never" });
  assert.deepEqual([result.counts.skip, result.counts.create], [3, 1]);
  assert.deepEqual(readdirSync(outside.path), []);
  assert.ok(lstatSync(place.at("d")).isSymbolicLink());
});

Deno.test("a file with other names is replaced, so that these keep what they have", async () => {
  const backup = await backupOf([file("f", text("backup"))]);
  using place = new Place();
  writeFileSync(place.at("f"), "before");
  linkSync(place.at("f"), place.at("kept"));
  await restored(place.path, backup, { ifExists: "always" });
  assert.equal(readFileSync(place.at("f"), "utf8"), "backup");
  assert.equal(readFileSync(place.at("kept"), "utf8"), "before");
});

Deno.test("a file with other names outside the target is replaced, even if only its metadata differ", async () => {
  const backup = await backupOf([named("f", text("same"))]);
  using place = new Place();
  mkdirSync(place.at("target"));
  writeFileSync(place.at("outside"), "same");
  linkSync(place.at("outside"), place.at("target/f"));
  const before = statSync(place.at("outside"));
  await restored(place.at("target"), backup, { ifExists: "always" });
  const after = statSync(place.at("outside"));
  assert.deepEqual([after.mode, after.mtimeMs], [before.mode, before.mtimeMs]);
  assert.notEqual(statSync(place.at("target/f")).mtimeMs, before.mtimeMs);
});

Deno.test("all names of a file get the content of the backup, also where they are names of another one", async () => {
  const content = noise(1000, "linked");
  const backup = await backupOf([named("a", content), named("b", content), named("c", content)]);
  using place = new Place();
  for (const change of ["content", "mtime"]) {
    writeFileSync(place.at("a"), change === "content" ? "what somebody wrote" : content);
    for (const name of ["b", "c"]) {
      rmSync(place.at(name), { force: true });
      linkSync(place.at("a"), place.at(name));
    }
    await restored(place.path, backup, { ifExists: "always" });
    for (const name of ["a", "b", "c"]) {
      assert.deepEqual(new Uint8Array(readFileSync(place.at(name))), content, `${change} of ${name}`);
      assert.equal(statSync(place.at(name)).ino, statSync(place.at("a")).ino, `${change} of ${name}`);
    }
  }
});

/** A name of a file with several. */
function named(name: string, content: Uint8Array): Planted {
  return { ...file(name, content), links: 3, inode: 77n, deviceId: 5n };
}

Deno.test("hard links are linked across folders, from the first name that is restored", async () => {
  const content = noise(1000, "linked");
  const backup = await backupOf([
    directory("a", named("first", content)),
    directory("b", named("second", content), named("third", content)),
    named("changed meanwhile", noise(1000, "other")),
  ]);
  using place = new Place();
  const inode = (path: string) => statSync(place.at(path)).ino;
  await restored(place.at("all"), backup);
  assert.equal(inode("all/a/first"), inode("all/b/second"));
  assert.equal(inode("all/a/first"), inode("all/b/third"));
  assert.notEqual(inode("all/a/first"), inode("all/changed meanwhile"));
  const again = await restored(place.at("all"), backup, { ifExists: "always" });
  assert.deepEqual([again.result.counts.keep, again.result.bytesWritten], [6, 0]);
  await restored(place.at("some"), backup, { paths: ["/b/"] });
  assert.equal(inode("some/b/second"), inode("some/b/third"));
  assert.deepEqual(readdirSync(place.at("some")), ["b"]);
});

Deno.test("a plan for a target that is not there creates everything in it, and makes nothing", async () => {
  const backup = await backupOf([directory("d", file("f", text("f"))), link("l", "d")]);
  using place = new Place();
  const { result, plan } = await restored(place.at("absent"), backup, {
    dryRun: true,
    deletes: true,
  });
  assert.deepEqual([result.counts.create, plan.length], [3, 3]);
  assert.ok(!existsSync(place.at("absent")));
});

Deno.test("all names of a file are right again after one of them was written to", async () => {
  const content = noise(1000, "linked");
  const names = ["first", "second", "third"];
  const backup = await backupOf(names.map((name) => named(name, content)));
  for (const ifExists of ["always", "if-changed"] as const) {
    using place = new Place();
    await restored(place.path, backup);
    writeFileSync(place.at("second"), "written to since");
    const { result } = await restored(place.path, backup, { ifExists });
    assert.deepEqual([result.counts.replace, result.counts.link, result.counts.keep], [1, 2, 0]);
    for (const name of names) assert.deepEqual(new Uint8Array(readFileSync(place.at(name))), content, name);
    assert.equal(new Set(names.map((name) => statSync(place.at(name)).ino)).size, 1);
  }
});

Deno.test("PATHs and filters restrict what is restored, and unknown PATHs are told with the nearest name", async () => {
  const backup = await backupOf([
    directory("etc", directory("ssh", file("key", text("k"))), file("fstab", text("f"))),
    directory("var", file("log", text("l"))),
  ]);
  using place = new Place();
  const { error } = await restoreInto(place.at("t"), backup, { paths: ["/etc/shh"] });
  assert.ok(error instanceof UsageError);
  assert.match(error.message, /did you mean "ssh" in "\/etc"\?$/);
  const unmatched = await restoreInto(place.at("t"), backup, { include: ["*.log", "/etc/**/fstob"], exclude: ["var"] });
  assert.ok(unmatched.error instanceof UsageError);
  assert.match(unmatched.error.message, /matches --include "\*\.log" or --include .*fstob"; did you mean "fstab"\?$/);
  assert.ok(!existsSync(place.at("t")));
  await restored(place.at("t"), backup, { paths: ["/etc/ssh"] });
  assert.deepEqual(readdirSync(place.at("t"), { recursive: true }).sort(), ["etc", "etc/ssh", "etc/ssh/key"]);
  await restored(place.at("f"), backup, { include: ["/var/log"] });
  assert.deepEqual(readdirSync(place.at("f"), { recursive: true }).sort(), ["var", "var/log"]);
});

Deno.test("delete removes what the backup does not have, in a target that agent made, and never elsewhere", async () => {
  const backup = await backupOf([directory("d", file("f", text("f")))]);
  using place = new Place();
  await restored(place.at("t"), backup);
  mkdirSync(place.at("t/d/more/deep"), { recursive: true });
  writeFileSync(place.at("t/d/more/deep/file"), "");
  writeFileSync(place.at("t/top"), "");
  const planned = await restored(place.at("t"), backup, { ifExists: "always", deletes: true, dryRun: true });
  assert.equal(planned.result.counts.delete, 4);
  assert.ok(existsSync(place.at("t/top")));
  await restored(place.at("t"), backup, { ifExists: "always", deletes: true });
  assert.deepEqual(readdirSync(place.at("t"), { recursive: true }).sort(), ["d", "d/f"]);
  assert.equal(Math.floor(statSync(place.at("t/d")).mtimeMs), MTIME_MS);

  mkdirSync(place.at("foreign"));
  writeFileSync(place.at("foreign/precious"), "");
  await restored(place.at("foreign"), backup, { ifExists: "never", paths: ["d"] });
  const refused = await restoreInto(place.at("foreign"), backup, { ifExists: "always", deletes: true });
  assert.ok(refused.error instanceof UsageError);
  const root = await restoreInto("/", backup, {
    ifExists: "never",
    deletes: true,
    include: ["*"],
    dryRun: true,
  });
  assert.ok(root.error instanceof UsageError);
  assert.match(root.error.message, /root directory/);
  await restored(place.at("foreign"), backup, { ifExists: "always", deletes: true, include: ["/pre*"] });
  assert.deepEqual(readdirSync(place.at("foreign")), ["d"]);
});

Deno.test("a hostile tree does no harm: a name twice, a link and a folder of one name", async () => {
  using outside = new Place();
  const backup = await backupWithTwins(outside.path);
  using place = new Place();
  const { damages } = await restored(place.at("t"), backup);
  assert.equal(damages.length, 1);
  assert.match(damages[0]!, /holds "\/a" twice/);
  assert.deepEqual(readdirSync(outside.path), []);
  assert.deepEqual(readdirSync(place.at("t"), { recursive: true }), ["a"]);
});

rootTest("a device of a hostile tree gets its rights, but no set-user-ID bit", async () => {
  using place = new Place();
  const mode = GoFileMode.device | GoFileMode.charDevice | GoFileMode.setuid | 0o666;
  const device = await backupOf([{ name: "null", type: "chardev", mode, device: 0x103n }]);
  await restored(place.at("u"), device);
  assert.equal(statSync(place.at("u/null")).mode & 0o7777, 0o666);
});

Deno.test("a link that no system can make is named, and the rest is restored", async () => {
  const backup = await backupOf([link("a", "x\0y"), link("b", ""), file("c", text("c"))]);
  using place = new Place();
  const { problems, result } = await restored(place.path, backup);
  assert.equal(problems.length, 2);
  assert.match(problems[0]!, /Cannot make the link "[^"]*": the file system does not accept that/);
  assert.deepEqual([result.files, readdirSync(place.path)], [1, ["c"]]);
});

Deno.test("what is made in a folder with a default access control list gets only the backup's attributes", async () => {
  const backup = await backupOf([directory("d", file("f", text("f")), directory("e"))]);
  using place = new Place();
  mkdirSync(place.at("d"));
  const entries = "01000600ffffffff02000600e803000004000400ffffffff10000600ffffffff20000400ffffffff";
  const value = Uint8Array.from(`02000000${entries}`.match(/../g)!, (digits) => parseInt(digits, 16));
  const bytes = (path: string) => text(place.at(path));
  const attributesOf = (path: string, name: string) => {
    using folder = FILES.openRoot(bytes(path));
    return folder.attributes(text(name)).map((attribute) => attribute.name);
  };
  using folder = FILES.openRoot(bytes("d"));
  folder.setAttribute(text("."), { name: "system.posix_acl_default", value });
  await restored(place.path, backup, { ifExists: "if-newer" });
  assert.deepEqual(attributesOf("d", "."), ["system.posix_acl_default"]);
  assert.deepEqual([...attributesOf("d", "f"), ...attributesOf("d/e", ".")], []);
});
