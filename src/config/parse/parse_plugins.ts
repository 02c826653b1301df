/** Parses `[plugins]` and the settings of each plugin below it. */
import type { PluginSettings } from "../configuration.ts";
import type { TableReader } from "./table_reader.ts";
import { plainObject } from "./toml.ts";
import { checkName, checkPath } from "../values.ts";

const NONE: PluginSettings = { directory: null, enabled: [], settings: {} };

/** The plugins of a table, if there is one. */
export function parsePlugins(table: TableReader | undefined): PluginSettings {
  if (table === undefined) return NONE;
  // The second key is what bakthat calls it.
  const [directory, bakthats] = ["dir", "plugins_dir"].map((key) => table.text(key, checkPath));
  if (directory !== undefined && bakthats !== undefined) {
    table.refuse(bakthats.line, `"dir" and "plugins_dir" in ${table.name} say the same thing twice: leave one out`);
  }
  const enabled = table.texts("enabled", checkName);
  const names = table.left.filter((key) => table.table.entries.get(key)!.value.kind === "table");
  const settings = names.map((name) => [name, plainObject(table.inner(name)!.table)] as const);
  table.finish();
  return {
    directory: directory?.value ?? bakthats?.value ?? null,
    enabled: [...new Set(enabled?.value)],
    settings: Object.fromEntries(settings),
  };
}
