/** A check beside restic: of repositories that restic made, and of damage that both have to find. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { join } from "node:path";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import type { BlobStore, FileName } from "../../src/store/store.ts";
import { programTest } from "../helpers/programs.ts";
import { allFiles, fakeWorld, namesOf, noise, PASSWORD } from "../helpers/world.ts";
import { checkStore, flipBit, packsOf, replace, threeBackups } from "./check_fixture.ts";

programTest({
  name: "a repository that restic made is sound, and what hits it is told by its own paths",
  needs: ["restic"],
  fn: async ({ restic }) => {
    await inScratch(async (folder) => {
      const repository = join(folder, "repository");
      const source = join(folder, "source");
      await makeSource(source);
      await runRestic(restic, repository, ["init"]);
      await runRestic(restic, repository, ["backup", source]);
      await Deno.writeFile(join(source, "sub", "later"), noise(5000, "later"));
      await runRestic(restic, repository, ["backup", source]);
      const checked = { store: openLocalStore(repository, { random: noiseOf }), world: fakeWorld() };
      const report = await checkStore(checked, { readData: true });
      deepEqual([report.errors, report.notes, report.snapshots], [[], [], 2]);

      const [pack] = (await packsOf(checked.store, "data")).filter(({ blobs }) => blobs.length === 1);
      await checked.store.remove({ kind: "pack", name: pack!.name });
      const [finding] = (await checkStore(checked)).errors;
      deepEqual(finding!.backups.map(({ series }) => series), [source.slice(1)]);
      deepEqual(finding!.paths, [join(source, "sub", "later").slice(1)]);
    });
  },
});

/** restic 0.14 asks again and again for a pack that is not there, so it must not be made to read it. */
const MISSING_PACK = "a missing data pack";

/** Damage of every kind that restic looks for, too. */
const DAMAGES: Readonly<Record<string, (store: BlobStore) => Promise<void>>> = {
  "nothing": () => Promise.resolve(),
  "an orphan pack": (store) => store.put({ kind: "pack", name: "12".repeat(32) }, [noise(100, "orphan")]),
  [MISSING_PACK]: async (store) => store.remove(await packFile(store, "data")),
  "a truncated pack": async (store) => replace(store, await packFile(store, "data"), (bytes) => bytes.slice(0, -7)),
  "a flipped bit in a blob": async (store) => replace(store, await packFile(store, "data"), flipBit(100)),
  "a flipped bit in a tree": async (store) => replace(store, await packFile(store, "tree"), flipBit(100)),
  "a flipped bit in a header": async (store) => replace(store, await packFile(store, "data"), flipBit(-20)),
  "a flipped bit in an index": async (store) => replace(store, await firstFile(store, "index"), flipBit(60)),
  "a missing index": async (store) => store.remove(await firstFile(store, "index")),
  "a flipped bit in a snapshot": async (store) => replace(store, await firstFile(store, "snapshot"), flipBit(60)),
  "a missing snapshot": async (store) => store.remove(await firstFile(store, "snapshot")),
};

programTest({
  name: "restic's check comes to the same verdict on our repositories, whatever is damaged",
  needs: ["restic"],
  fn: async ({ restic }, test) => {
    for (const [damage, apply] of Object.entries(DAMAGES)) {
      await test.step(damage, () =>
        inScratch(async (folder) => {
          const { store, world } = await threeBackups();
          await apply(store);
          const { errors } = await checkStore({ store, world }, { readData: true });
          const local = openLocalStore(folder, { random: noiseOf });
          await local.create();
          for (const file of await allFiles(store)) await local.put(file, [await store.get(file)]);
          const { success } = await resticCheck(restic, folder, { readData: damage !== MISSING_PACK });
          equal(errors.length === 0, success, errors.map(({ text }) => text).join("\n") || "no errors");
        }));
    }
  },
});

async function makeSource(source: string): Promise<void> {
  await Deno.mkdir(join(source, "sub", "empty"), { recursive: true });
  await Deno.writeFile(join(source, "large"), noise(3_000_000, "large"));
  await Deno.writeTextFile(join(source, "sub", 'name with "quotes" and ü'), "text");
  await Deno.writeTextFile(join(source, "sub", "nothing"), "");
  await Deno.symlink("large", join(source, "link"));
  await Deno.link(join(source, "large"), join(source, "sub", "same"));
}

async function packFile(store: BlobStore, type: "data" | "tree"): Promise<FileName> {
  return { kind: "pack", name: (await packsOf(store, type))[0]!.name };
}

async function firstFile(store: BlobStore, kind: "index" | "snapshot"): Promise<FileName> {
  return { kind, name: (await namesOf(store, kind))[0]! };
}

function noiseOf(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count));
}

async function inScratch(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "agent-check-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function resticCheck(
  restic: string,
  repository: string,
  { readData }: { readData: boolean },
): Promise<Deno.CommandOutput> {
  const env = { RESTIC_REPOSITORY: repository, RESTIC_PASSWORD: PASSWORD };
  const args = ["check", "--no-cache", "--no-lock", ...(readData ? ["--read-data"] : [])];
  return new Deno.Command(restic, { args, env }).output();
}

async function runRestic(restic: string, repository: string, args: string[]): Promise<void> {
  const env = { RESTIC_REPOSITORY: repository, RESTIC_PASSWORD: PASSWORD };
  const { success, stderr } = await new Deno.Command(restic, { args: [...args, "--no-cache", "--quiet"], env })
    .output();
  ok(success, new TextDecoder().decode(stderr));
}
