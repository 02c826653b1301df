/** The catalogue as other programs see it, with the SQLite of the system, which may be older than ours. */
import assert from "node:assert/strict";
import { backup } from "../backup/backups.ts";
import { CataloguePlace, SHOP } from "../catalogue/opened.ts";
import { programTest } from "../helpers/programs.ts";

programTest({
  name: "sqlite3 reads all tables and views of the catalogue, while agent has it open",
  needs: ["sqlite3"],
  async fn({ sqlite3 }) {
    await using place = new CataloguePlace();
    using catalogue = await place.open();
    const made = backup("a", { series: "prod/shop" });
    const tagged = { ...made, snapshot: { ...made.snapshot, tags: ["nightly", "kept"] } };
    await catalogue.changeBackups(SHOP, { added: [{ backup: tagged }] });
    const asked = "SELECT filename, tags FROM backups_bakthat; SELECT series FROM backups; PRAGMA integrity_check";
    const { stdout, stderr } = await new Deno.Command(sqlite3, { args: ["-readonly", place.path, asked] }).output();
    const [told, said] = [stderr, stdout].map((bytes) => new TextDecoder().decode(bytes));
    assert.deepEqual([told, said], ["", "prod/shop|nightly kept\nprod/shop\nok\n"]);
  },
});
