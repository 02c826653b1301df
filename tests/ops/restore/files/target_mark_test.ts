/** The mark of a target that agent made: `--delete` believes no other, and a copy of it is none. */
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { UsageError } from "../../../../src/base/errors.ts";
import type { FileSystem } from "../../../../src/filesystem/file_system.ts";
import type { FileStatus, Name } from "../../../../src/filesystem/status.ts";
import { TARGET_MARK } from "../../../../src/ops/restore/files/target/target_mark.ts";
import { backupOf, directory, file, FILES, Place, type PlantedBackup, restored, restoreInto } from "./files_fixture.ts";

const text = (bytes: string) => new TextEncoder().encode(bytes);
const HERE = text(".");
const DELETING = { ifExists: "always", deletes: true } as const;

function markOf(path: string): Uint8Array | undefined {
  using folder = FILES.openRoot(text(path));
  return folder.attributes(HERE).find(({ name }) => name === TARGET_MARK)?.value;
}

function setMark(path: string, value: Uint8Array): void {
  using folder = FILES.openRoot(text(path));
  folder.setAttribute(HERE, { name: TARGET_MARK, value });
}

function tree(): Promise<PlantedBackup> {
  return backupOf([directory("d", file("f", text("f")))]);
}

/** Fails unless nothing is deleted at a path. */
async function assertRefused(path: string, backup: PlantedBackup): Promise<void> {
  writeFileSync(`${path}/precious`, "");
  const { error } = await restoreInto(path, backup, DELETING);
  assert.ok(error instanceof UsageError, String(error));
  assert.match(error.message, /agent did not make it/);
  assert.ok(existsSync(`${path}/precious`));
}

Deno.test("a mark that was copied to another directory is none, in whatever way it was copied", async () => {
  const backup = await tree();
  using place = new Place();
  await restored(place.at("t"), backup);
  const mark = markOf(place.at("t"));
  assert.ok(mark !== undefined);
  mkdirSync(place.at("other"));
  setMark(place.at("other"), mark);
  await assertRefused(place.at("other"), backup);
  cpSync(place.at("t"), place.at("copy"), { recursive: true, preserveTimestamps: true });
  setMark(place.at("copy"), mark);
  await assertRefused(place.at("copy"), backup);
  // A directory that was made anew in its place, perhaps with the same number.
  renameSync(place.at("t"), place.at("away"));
  mkdirSync(place.at("t"));
  setMark(place.at("t"), mark);
  await assertRefused(place.at("t"), backup);
  // It is still the same directory, whatever it is called.
  writeFileSync(place.at("away/more"), "");
  await restored(place.at("away"), backup, DELETING);
  assert.deepEqual(readdirSync(place.at("away")), ["d"]);
});

Deno.test("what names the backups is no mark", async () => {
  const backup = await tree();
  using place = new Place();
  mkdirSync(place.at("t"));
  const series = "planted";
  const { id } = backup.checked.repository.config;
  for (const guess of ["", series, `${id} ${series}`, backup.id]) {
    setMark(place.at("t"), text(guess));
    await assertRefused(place.at("t"), backup);
  }
});

Deno.test("a mark is never restored, and one that is there does not outlive a restore of its directory", async () => {
  using place = new Place();
  const own = await tree();
  await restored(place.at("t/sub"), own);
  const mark = markOf(place.at("t/sub"))!;
  const note = { name: "user.note", value: text("n") };
  const extendedAttributes = [note, { name: TARGET_MARK, value: mark }];
  const around = await backupOf([{ ...directory("sub", file("f", text("f"))), extendedAttributes }]);
  await restored(place.at("t"), around, { ifExists: "always" });
  using folder = FILES.openRoot(text(place.at("t/sub")));
  assert.deepEqual(folder.attributes(HERE).map(({ name }) => name), ["user.note"]);
  const again = await restored(place.at("t"), around, { ifExists: "always" });
  assert.equal(again.result.counts.update, 0);
  await assertRefused(place.at("t/sub"), own);
});

Deno.test("a link as target counts as what it leads to", async () => {
  const backup = await tree();
  using place = new Place();
  await restored(place.at("t"), backup);
  mkdirSync(place.at("foreign"));
  symlinkSync("foreign", place.at("link"));
  await assertRefused(place.at("link"), backup);
  symlinkSync("/", place.at("root"));
  const { error } = await restoreInto(place.at("root"), backup, { ...DELETING, include: ["*"], dryRun: true });
  assert.ok(error instanceof UsageError);
  assert.match(error.message, /root directory/);
  symlinkSync("t", place.at("own"));
  writeFileSync(place.at("t/more"), "");
  await restored(place.at("own"), backup, DELETING);
  assert.deepEqual(readdirSync(place.at("t")), ["d"]);
});

Deno.test("what is mounted in a target stays, and the directories above it", async () => {
  const backup = await tree();
  using place = new Place();
  await restored(place.at("t"), backup);
  mkdirSync(place.at("t/deep/mounted/in"), { recursive: true });
  mkdirSync(place.at("t/deep/beside/in"), { recursive: true });
  await restored(place.at("t"), backup, { ...DELETING, files: () => withMount("mounted") });
  assert.deepEqual(readdirSync(place.at("t"), { recursive: true }).sort(), [
    "d",
    "d/f",
    "deep",
    "deep/mounted",
    "deep/mounted/in",
  ]);
});

/** The file systems, with another one mounted at each folder of this name. */
function withMount(mounted: string): FileSystem {
  const isMounted = (name: Name) => new TextDecoder().decode(name) === mounted;
  const wrap = <T extends object>(real: T): T =>
    new Proxy(real, {
      get(target, key) {
        const value = Reflect.get(target, key, target);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          const result = value.apply(target, args);
          if (key === "openRoot" || key === "openFolder") return wrap(result);
          if (key !== "status" || result === null || !isMounted(args[0] as Name)) return result;
          return { ...result as FileStatus, mountId: 12345n };
        };
      },
    });
  return wrap(FILES);
}
