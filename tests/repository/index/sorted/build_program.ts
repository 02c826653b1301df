/**
 * Makes the index on disk of a repository again and again, in a process of its own, until it is killed. Arguments: the
 * folder of the repository, the cache directory, and how many times.
 */
import { systemClock } from "../../../../src/base/clock.ts";
import { systemRandomBytes } from "../../../../src/crypto/random.ts";
import { loadExistenceAhead } from "../../../../src/repository/index/sorted/load_existence.ts";
import { dropSorted } from "../../../../src/repository/index/sorted/open_sorted.ts";
import { openRepository } from "../../../../src/repository/repository.ts";
import { openLocalStore } from "../../../../src/store/local/local_store.ts";
import { PASSWORD } from "../../../helpers/world.ts";

const [folder, directory, times] = Deno.args as [string, string, string];
const random = systemRandomBytes;
const store = openLocalStore(folder, { random });
const { files, keys, sealer, config } = await openRepository(store, { password: PASSWORD, randomBytes: random });
const cache = { directory, repositoryId: config.id, limitBytes: 1e9, clock: systemClock, random };
const place = { cache, worthBytes: 1, mostMissingBytes: 0 };
const { signal } = new AbortController();
await Deno.stdout.write(new TextEncoder().encode("ready\n"));
for (let time = 0; time < Number(times); time++) {
  const tools = { files, keys, sealer, random, signal, place, names: [], rowsAtOnce: 200 };
  await (await loadExistenceAhead(Promise.resolve(), tools))[Symbol.asyncDispose]();
  await dropSorted(place);
}
