/** A tree has room for so much: what has none is left out and told, and takes no room from others. */
import assert from "node:assert/strict";
import { mkdtempSync, realpathSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Walk } from "../../../../src/engine/files/walk/walk.ts";
import { stepsOf } from "./walk_steps.ts";
import { openFileSystem } from "../../../../src/filesystem/open_file_system.ts";

const GIB = 2 ** 30;
/** Opened once: a library that a test opens must be closed by it. */
const FILES = openFileSystem();

// In chunks of 1 KiB, which `--chunk-size 1KiB` asks for.
Deno.test("a huge file for which a tree has no room does not leave out the small ones after it", () => {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "agent-room-")));
  try {
    for (const [name, bytes] of [["a", 2 * GIB], ["b", 2 * GIB], ["c", 1]] as const) {
      writeFileSync(join(path, name), "");
      truncateSync(join(path, name), bytes);
    }
    const selection = {
      roots: [path.slice(1)],
      excluded: [],
      excludedIgnoringCase: [],
      markers: [],
      largestFileBytes: null,
      oneFileSystem: false,
      emptied: [],
    };
    using walk = new Walk(FILES, { selection, withAtime: false, smallFileBytes: 256 });
    const steps = [...stepsOf(walk.next())];
    const names = steps.flatMap(({ step }) => step?.kind === "entry" ? [step.found.name] : []);
    assert.deepEqual(names, ["a", "c"]);
    assert.match(steps.flatMap(({ problems }) => problems).join("\n"), /: 1 are left out/);
  } finally {
    rmSync(path, { recursive: true });
  }
});
