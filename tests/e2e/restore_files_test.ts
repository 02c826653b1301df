/** Parts of trees that restic backed up, and what get refuses. */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { ExitCode } from "../../src/base/errors.ts";
import { assertFails, sandbox } from "../helpers/executable.ts";
import { findProgram, programTest } from "../helpers/programs.ts";
import { Restic } from "../helpers/restic.ts";

const newest = findProgram("restic-newest") === undefined ? "restic" : "restic-newest";

programTest({
  name: "PATHs, patterns and refusals of get --target",
  needs: [newest],
  async fn(programs) {
    await using box = await sandbox();
    const restic = await Restic.in(box, programs[newest]!);
    for (const path of ["src/etc/ssh/key", "src/etc/fstab", "src/var/old.log", "foreign/precious"]) {
      await Deno.mkdir(box.join(dirname(path)), { recursive: true });
      await box.file(path, path);
    }
    await restic.ok(["backup", box.join("src")]);
    const src = box.join("src");
    const series = src.slice(1);
    await box.ok(["get", series, `${src}/etc/ssh`, "--target", "one"]);
    assert.equal(await Deno.readTextFile(`${box.join("one")}${src}/etc/ssh/key`), "src/etc/ssh/key");
    await assert.rejects(Deno.stat(`${box.join("one")}${src}/etc/fstab`), Deno.errors.NotFound);
    await box.ok(["get", series, "--target", "two", "--include", "*.log"]);
    assert.deepEqual([...Deno.readDirSync(`${box.join("two")}${src}`)].map(({ name }) => name), ["var"]);
    const wrong = await box.agent(["get", series, `${src}/etc/shh`, "--target", "three"]);
    assertFails(wrong, ExitCode.usage, /did you mean "ssh" in "/);
    const full = await box.agent(["get", series, "--target", "one"]);
    assertFails(full, ExitCode.usage, /The target is not empty/);
    const refused = await box.agent(["get", series, "--target", "foreign", "--overwrite", "--delete"]);
    assertFails(refused, ExitCode.usage, /Refusing to delete/);
    const lone = await box.agent(["get", series, "--include", "x"]);
    assertFails(lone, ExitCode.usage, /--include is for restoring files/);
  },
});
