/** Restores that meet trouble: damage, full disks, refused rights, changes meanwhile, and interruptions. */
import assert from "node:assert/strict";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { AgentError, ExitCode, InterruptedError } from "../../../../src/base/errors.ts";
import { openFileSystem } from "../../../../src/filesystem/open_file_system.ts";
import { concat, noise } from "../../../helpers/world.ts";
import { faulty, kernelFailure, type Meddle } from "./faulty_files.ts";
import { backupOf, directory, file, Place, type PlantedBackup, restored, restoreInto } from "./files_fixture.ts";

const REAL = openFileSystem();
const text = (bytes: string) => new TextEncoder().encode(bytes);
const meddled = (meddle: Meddle) => () => faulty(REAL, meddle);
const BIG = [noise(3_000_000, "1"), noise(3_000_000, "2"), noise(3_000_000, "3")];

/** Damages the pack that holds a chunk of this length. */
async function damagePackWith({ checked: { store } }: PlantedBackup, leastBytes: number): Promise<void> {
  for await (const { name, size } of store.list("pack")) {
    if (size < leastBytes) continue;
    const bytes = await store.get({ kind: "pack", name });
    bytes.fill(7, 0, 100);
    await store.remove({ kind: "pack", name });
    await store.put({ kind: "pack", name }, [bytes]);
  }
}

Deno.test("a damaged chunk: its file is named and not there, all others are", async () => {
  const backup = await backupOf([
    directory("d", file("damaged", noise(700_000, "x"), text("end")), file("right", text("right"))),
    file("other", text("other")),
  ]);
  await damagePackWith(backup, 600_000);
  using place = new Place();
  const { damages, result } = await restored(place.path, backup);
  assert.equal(damages.length, 1, damages.join("\n"));
  assert.match(damages[0]!, /"\/d\/damaged".*blob/);
  assert.equal(result.damaged, 1);
  assert.deepEqual(readdirSync(place.path, { recursive: true }).sort(), ["d", "d/right", "other"]);
});

Deno.test("a full disk ends the restore, what is whole stays, and going on completes it", async () => {
  const backup = await backupOf([file("a", text("a")), file("big", ...BIG), file("c", text("c"))]);
  using place = new Place();
  let written = 0;
  const files = meddled((call, name) => {
    if (call === "write" && name.includes("part") && ++written > 1) throw kernelFailure("ENOSPC", name);
  });
  const { error } = await restoreInto(place.path, backup, { files });
  assert.ok(error instanceof AgentError);
  assert.equal(error.exitCode, ExitCode.failed);
  assert.match(
    error.message,
    /ENOSPC; the target holds a part of the backup, \d whole files of it: .*--overwrite goes on/,
  );
  assert.ok(!existsSync(place.at("big")));
  const { result } = await restored(place.path, backup, { ifExists: "always" });
  assert.ok(readFileSync(place.at("big")).equals(concat(BIG)));
  assert.ok(result.bytesWritten < 9_000_000, "what was written before is used");
  assert.deepEqual(readdirSync(place.path).sort(), ["a", "big", "c"]);
});

Deno.test("what is refused is named, and the rest is restored", async () => {
  const backup = await backupOf([
    directory("closed", file("in", text("in"))),
    directory("open", file("refused", text("r")), file("f", text("f"))),
    file("unowned", text("u")),
  ]);
  using place = new Place();
  const files = meddled((call, name) => {
    if (call === "makeFolder" && name === "closed") throw kernelFailure("EACCES", name);
    if (call === "createFile" && name === "refused") throw kernelFailure("EACCES", name);
    if (call === "setTimes" && name === "unowned") throw kernelFailure("EPERM", name);
  });
  const { problems, result } = await restored(place.path, backup, { files });
  assert.equal(problems.length, 3, problems.join("\n"));
  assert.equal(result.problems, 3);
  assert.deepEqual(readdirSync(place.path, { recursive: true }).sort(), ["open", "open/f", "unowned"]);
  const { counts: { create, skip }, bytesTotal, bytesWritten } = result;
  assert.deepEqual([create, skip], [4, 2], "what lies in a directory that cannot be made is skipped");
  assert.deepEqual([bytesTotal, bytesWritten], [3, 3], "and its content is not even read");
});

Deno.test("a file that changes between plan and writing is compared again", async () => {
  const chunks = [noise(100_000, "1"), noise(100_000, "2")];
  const backup = await backupOf([file("f", ...chunks)]);
  using place = new Place();
  writeFileSync(place.at("f"), concat([chunks[0]!, noise(100_000, "wrong")]));
  let changes = 1;
  const beforeCall = (name: string) => {
    if (name === "makeEntries" && changes-- > 0) writeFileSync(place.at("f"), noise(50_000, "by another"));
  };
  const { problems } = await restored(place.path, backup, { ifExists: "always", beforeCall });
  assert.deepEqual(problems, []);
  assert.ok(readFileSync(place.at("f")).equals(concat(chunks)));

  writeFileSync(place.at("f"), "wrong");
  const always = (name: string) => {
    if (name === "makeEntries") appendFileSync(place.at("f"), "more");
  };
  const refused = await restored(place.path, backup, { ifExists: "always", beforeCall: always });
  assert.equal(refused.problems.length, 1);
  assert.match(refused.problems[0]!, /"\/f": something else changes it/);
});

Deno.test("what appears in the target meanwhile is not overwritten unseen", async () => {
  const backup = await backupOf([file("f", text("backup")), file("big", ...BIG)]);
  using place = new Place();
  let appears = 1;
  const beforeCall = (name: string) => {
    if (name !== "makeEntries" || appears-- <= 0) return;
    writeFileSync(place.at("f"), "appeared");
    symlinkSync("elsewhere", place.at("big"));
  };
  await restored(place.path, backup, { ifExists: "never", beforeCall });
  assert.equal(readFileSync(place.at("f"), "utf8"), "appeared");
  assert.equal(readlinkSync(place.at("big")), "elsewhere");
  assert.ok(!existsSync(place.at("elsewhere")));
});

Deno.test("an interrupted restore says so, leaves nothing half under its name, and goes on later", async () => {
  const backup = await backupOf([directory("d", file("a", text("a")), file("big", ...BIG))]);
  using place = new Place();
  const abort = new AbortController();
  let calls = 0;
  const beforeCall = (name: string) => {
    if (name === "writeContent" && ++calls === 2) abort.abort(new InterruptedError());
  };
  const { error } = await restoreInto(place.path, backup, { beforeCall, signal: abort.signal });
  assert.ok(error instanceof InterruptedError);
  assert.match(error.message, /the target holds a part/);
  assert.ok(!existsSync(place.at("d/big")));
  await restored(place.path, backup, { ifExists: "always" });
  assert.ok(readFileSync(place.at("d/big")).equals(concat(BIG)));
  assert.deepEqual(readdirSync(place.at("d")).sort(), ["a", "big"]);
});

Deno.test("an unfinished file that others could write to is not continued", async () => {
  const backup = await backupOf([file("big", ...BIG)]);
  using place = new Place();
  const abort = new AbortController();
  let calls = 0;
  const beforeCall = (name: string) => {
    if (name === "writeContent" && ++calls === 2) abort.abort(new InterruptedError());
  };
  await restoreInto(place.path, backup, { beforeCall, signal: abort.signal });
  const [part] = readdirSync(place.path);
  chmodSync(place.at(part!), 0o666);
  const { result } = await restored(place.path, backup, { ifExists: "always" });
  assert.equal(result.bytesWritten, 9_000_000);
  assert.deepEqual(readdirSync(place.path), ["big"]);
});

Deno.test("while a thread swaps a folder for a link that leads out, nothing is written outside", async () => {
  using place = new Place();
  for (const name of ["target/a", "outside"]) mkdirSync(place.at(name), { recursive: true });
  const content = Array.from({ length: 200 }, (_, i) => file(`f${i}`, text(`${i}`)));
  const backup = await backupOf([directory("a", ...content, directory("deep", ...content))]);
  const stop = new SharedArrayBuffer(4);
  const worker = new Worker(new URL("./link_swapper.ts", import.meta.url).href, { type: "module" });
  const message = () => new Promise<void>((resolve) => worker.onmessage = () => resolve());
  const begun = message();
  const target = place.at("target");
  worker.postMessage({ folder: `${target}/a`, leadsTo: place.at("outside"), stop });
  await begun;
  const ended = message();
  let swaps = 0;
  try {
    // How often the other thread gets its turn meanwhile is the machine's matter.
    for (let i = 0; i < 8 || swaps === 0; i++) {
      const { problems } = await restoreInto(target, backup, { ifExists: "always" });
      swaps += problems.length;
    }
  } finally {
    Atomics.store(new Int32Array(stop), 0, 1);
    await ended;
    worker.terminate();
  }
  assert.deepEqual(readdirSync(place.at("outside")), []);
});
