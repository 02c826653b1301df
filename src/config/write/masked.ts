/**
 * What may be shown of a configuration. The file refers to secrets and holds none of its own, but commands and addresses
 * may have some in them, and so may the settings of plugins.
 */
import { PASSWORD_COMMAND_KEY, SECRET_KEYS } from "../secret_references.ts";

/** What stands for a secret. */
const MASK = "***";

/** Keys whose values plugins and stores keep to themselves. */
const SECRET_NAME =
  /pass(?:word|wd|phrase)?s?$|pwd$|secret|token|credential|cookie|auth(?:orization)?$|(?:api|access|private)[-_]?key/i;

type Plain = Readonly<Record<string, unknown>>;

/** A table of the file as it may be shown: `agent config check` accepts it, too. */
export function masked(table: Plain): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(table).map((
      [key, value],
    ) => [key, key === "plugins" ? maskedPlugins(value) : maskedValue(key, value)]),
  );
}

/** One value of the file, by its key. */
export function maskedValue(key: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => maskedValue(key, item));
  if (typeof value === "object" && value !== null) return masked(value as Plain);
  if (typeof value !== "string") return value;
  if (PASSWORD_COMMAND_KEY.test(key)) return MASK;
  if ((SECRET_KEYS as readonly string[]).includes(key)) return value.replace(/^command:.*/s, `command:${MASK}`);
  if (key === "option") {
    return value.replace(/=.*/s, (rest) => SECRET_NAME.test(value.split("=")[0]!) ? `=${MASK}` : rest);
  }
  return maskedAddress(value);
}

/** Everything in an address that may let somebody in: a password, and what follows the host of a web address. */
function maskedAddress(text: string): string {
  const isWeb = /^https?:\/\//i.test(text) && URL.canParse(text);
  if (!isWeb) return text.replace(/(:\/\/[^/?#@:]*):[^/?#@]+@/, `$1:${MASK}@`);
  const { protocol, host, pathname, search } = new URL(text);
  return `${protocol}//${host}${pathname === "/" && search === "" ? "" : `/${MASK}`}`;
}

function maskedPlugins(plugins: unknown): unknown {
  if (typeof plugins !== "object" || plugins === null || Array.isArray(plugins)) return plugins;
  return Object.fromEntries(Object.entries(plugins).map(([name, value]) => [name, maskedSetting(name, value)]));
}

/** A setting of a plugin: by its name alone, nobody here knows what it means. A secret one hides all that is in it. */
function maskedSetting(key: string, value: unknown, isSecret = false): unknown {
  const hidden = isSecret || SECRET_NAME.test(key);
  if (Array.isArray(value)) return value.map((item) => maskedSetting(key, item, hidden));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, maskedSetting(name, inner, hidden)]));
  }
  if (hidden) return MASK;
  return typeof value === "string" ? maskedAddress(value) : value;
}
