/** Generations of keys in repositories of tests. */
import type { UrlKey } from "../../../src/crypto/url_key.ts";
import { loadWholeIndex } from "../../../src/backup/whole_index.ts";
import { openAccess, type RepositoryAccess, type World } from "../../../src/ops/access.ts";
import type { GenerationOptions } from "../../../src/ops/gateway/raise_generation.ts";
import { keyOfGeneration, RecordReader } from "../../../src/ops/gateway/url_keys.ts";
import { IDENTITY } from "../../helpers/world.ts";

/** The options of use cases about generations. */
export function generationOptions(world: World): GenerationOptions {
  return { world, host: IDENTITY.hostname };
}

/** The keys whose URLs a gateway would accept that started just now, as hex. */
export async function validKeys(access: RepositoryAccess, world: World): Promise<string[]> {
  await using repository = await openAccess(access, { world });
  const reader = new RecordReader({ repository, openIndex: () => loadWholeIndex(repository) });
  const keys: UrlKey[] = (await reader.highest()).map((generation) => keyOfGeneration(repository, generation));
  return keys.map((key) => key.toHex());
}
