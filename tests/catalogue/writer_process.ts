/** One of several processes that write a catalogue, for processes_test.ts. Arguments: the file, the name, how often. */
import { openCatalogue } from "../../src/catalogue/catalogue.ts";
import { systemClock } from "../../src/base/clock.ts";
import { backup } from "../backup/backups.ts";

const [path, name, count] = Deno.args as [string, string, string];
const repository = { id: "5".repeat(64), location: "/backups" };
for (let i = 0; i < Number(count); i++) {
  using catalogue = await openCatalogue({
    path,
    clock: systemClock,
    onProblem: ({ message }) => Deno.stderr.writeSync(new TextEncoder().encode(`${message}\n`)),
  });
  await catalogue!.changeBackups(repository, { added: [{ backup: backup(`${name} ${i}`) }] });
  if (i % 2 === 1) await catalogue!.changeBackups(repository, { removed: [backup(`${name} ${i}`).snapshotId] });
}
