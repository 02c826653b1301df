/** A restore neither writes nor deletes in the repository that it reads. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { UsageError } from "../../../../src/base/errors.ts";
import { backupOf, directory, file, Place, restored, restoreInto } from "./files_fixture.ts";

const text = (bytes: string) => new TextEncoder().encode(bytes);
const DELETING = { ifExists: "always", deletes: true, include: ["/**"] } as const;

function listing(path: string): string[] {
  return readdirSync(path, { recursive: true }).map(String).sort();
}

Deno.test("--delete leaves the repository, and the directories above it", async () => {
  const backup = await backupOf([file("f", text("f"))]);
  using place = new Place();
  for (const path of ["deep/repo/data", "deep/extra"]) mkdirSync(place.at(path), { recursive: true });
  writeFileSync(place.at("deep/repo/config"), "");
  symlinkSync(place.at("deep/repo"), place.at("other"));
  for (const dryRun of [true, false]) {
    const { plan } = await restored(place.path, backup, { ...DELETING, dryRun, repository: place.at("other") });
    if (dryRun) assert.deepEqual(plan.filter((line) => line.includes("repo")), []);
  }
  assert.deepEqual(listing(place.path), ["deep", "deep/repo", "deep/repo/config", "deep/repo/data", "f"]);
});

Deno.test("a backup that holds the repository is restored around it", async () => {
  const backup = await backupOf([
    directory("repo", file("config", text("old")), directory("data")),
    file("f", text("f")),
  ]);
  using place = new Place();
  mkdirSync(place.at("repo/data"), { recursive: true });
  writeFileSync(place.at("repo/data/pack"), "");
  const request = { ...DELETING, repository: place.at("repo") };
  const { plan } = await restored(place.path, backup, { ...request, dryRun: true });
  assert.deepEqual(plan.filter((line) => !line.startsWith("create")), [
    "skip repo: is the repository, which is left alone",
    "skip repo/config: is below something that is not restored",
    "skip repo/data: is below something that is not restored",
  ]);
  await restored(place.path, backup, request);
  assert.deepEqual(listing(place.path), ["f", "repo", "repo/data", "repo/data/pack"]);
});

Deno.test("the repository is no target, nor what lies in it", async () => {
  const backup = await backupOf([file("f", text("f"))]);
  using place = new Place();
  mkdirSync(place.at("repo/data"), { recursive: true });
  symlinkSync(place.at("repo/data"), place.at("link"));
  for (const target of ["repo", "repo/data", "link", "repo/data/../absent"]) {
    const { error } = await restoreInto(place.at(target), backup, { ifExists: "always", repository: place.at("repo") });
    assert.ok(error instanceof UsageError, `${target}: ${error}`);
    assert.match(error.message, /into the repository/);
  }
  assert.ok(!listing(place.path).some((path) => path.endsWith("f")));
  await restored(place.path, backup, { ifExists: "always", repository: place.at("repo") });
});
