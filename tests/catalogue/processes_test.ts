/** Several processes make, open and write one catalogue at the same time. */
import assert from "node:assert/strict";
import { CataloguePlace } from "./opened.ts";

const PROCESSES = 4;
const CHANGES = 20;

async function writeAtOnce(place: CataloguePlace): Promise<string> {
  const ended = await Promise.all(Array.from({ length: PROCESSES }, (_, i) =>
    new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--no-check", new URL("writer_process.ts", import.meta.url).pathname],
        ...[place.path, `process ${i}`, String(CHANGES)],
      ],
      env: { NO_COLOR: "1" },
    }).output()));
  const errors = ended.map(({ stderr }) => new TextDecoder().decode(stderr)).join("");
  assert.ok(ended.every(({ success }) => success), errors);
  return errors;
}

const COUNTS = "SELECT count(*), sum(is_deleted), count(DISTINCT sequence) FROM backups";

Deno.test("processes that begin at once make one catalogue, and no change of any is lost", async () => {
  await using place = new CataloguePlace();
  assert.equal(await writeAtOnce(place), "");
  const all = PROCESSES * CHANGES;
  assert.deepEqual(await place.rows(COUNTS), [[all, all / 2, all]]);
});

Deno.test("processes that find a damaged file at once set it aside once, and lose none of their changes", async () => {
  await using place = new CataloguePlace();
  place.folder.write("state/catalogue.sqlite", "damaged".padEnd(8192, "x"));
  await Deno.chmod(place.path, 0o600);
  assert.match(await writeAtOnce(place), /^The catalogue .* was damaged [^\n]*\n$/);
  const all = PROCESSES * CHANGES;
  assert.deepEqual(await place.rows(COUNTS), [[all, all / 2, all]]);
  const kept = (await Array.fromAsync(Deno.readDir(place.folder.at("state")))).filter(({ name }) =>
    name.includes("damaged")
  );
  assert.equal(kept.length, 1);
});
