/** What a copy brings. */
import { deepEqual } from "node:assert/strict";
import { tagsOf } from "../../../src/backup/restore_tests.ts";
import { selectForCopy } from "../../../src/maintain/copy/copy_selection.ts";
import type { LoadedBackups } from "../../../src/backup/load_backups.ts";
import { backup, manifestIdOf } from "../../backup/backups.ts";

Deno.test("verdicts of restores on trial are copied with the backups that they are about", () => {
  const verdict = (of: string) => {
    const made = backup(`verdict on ${of}`, { series: "restore-tests/prod/shop", time: "2026-01-03T00:00:00Z" });
    const tags = tagsOf({ of: manifestIdOf(of), hasPassed: true, tookMs: 1, rows: 1 });
    return { ...made, snapshot: { ...made.snapshot, tags } };
  };
  const [a, b, other] = [backup("a"), backup("b", { time: "2026-01-02T00:00:00Z" }), backup("c", { series: "other" })];
  const backups = [a, other, b, verdict("a"), verdict("b")];
  const loaded = { all: backups, backups, damaged: [] } satisfies LoadedBackups;
  const chosen = (...names: string[]) => selectForCopy(loaded, names).backups.map((one) => backups.indexOf(one));
  deepEqual(chosen(), [0, 1, 2, 3, 4]);
  deepEqual(chosen("prod"), [0, 2, 3, 4]);
  deepEqual(chosen("prod/shop@latest"), [2, 4]);
  deepEqual(chosen("other"), [1]);
});
