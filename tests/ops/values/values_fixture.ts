/** Values for tests of what is done with them in a repository. */
import type { Backup } from "../../../src/backup/backup.ts";
import type { RepositoryAccess, World } from "../../../src/ops/access.ts";
import { getValue } from "../../../src/ops/values/get_value.ts";
import { setValues } from "../../../src/ops/values/set_values.ts";
import type { ValueToSet } from "../../../src/ops/values/value.ts";
import { IDENTITY } from "../../helpers/world.ts";

const encoder = new TextEncoder();

/** A value of JSON text. */
export function valueOf(key: string, text: string, rest: Partial<ValueToSet> = {}): ValueToSet {
  return { key, fileName: "value.json", content: encoder.encode(text), compression: "auto", options: {}, ...rest };
}

/** Sets JSON texts. */
export function setTexts(
  access: RepositoryAccess,
  world: World,
  texts: Readonly<Record<string, string>>,
  { host = IDENTITY.hostname } = {},
): Promise<Backup[]> {
  return setValues(access, Object.entries(texts).map(([key, text]) => valueOf(key, text)), { world, host });
}

/** The JSON text of a key's value; null if it has none. */
export async function textOf(
  access: RepositoryAccess,
  world: World,
  key: string,
  selector?: string,
): Promise<string | null> {
  const found = await getValue(access, { key, ...selector !== undefined && { selector } }, { world });
  return found === null ? null : new TextDecoder().decode(found.content);
}
