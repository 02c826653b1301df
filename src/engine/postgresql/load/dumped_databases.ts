/** What a manifest says about dumped databases, and how one is made that takes such a dump. */
import type { JsonObject, JsonValue } from "../../../format/json/json_text.ts";
import { quotedName, quotedText } from "../postgresql_client.ts";

/** A database as the source of a backup had it. */
export interface DumpedDatabase {
  readonly name: string;
  /** The path of its dump in the backup. */
  readonly stream: string;
  /** Its encoding and locales; null if the manifest does not have them. */
  readonly settings: DumpedSettings | null;
}

interface DumpedSettings {
  readonly encoding: string;
  readonly collation: string;
  readonly characterType: string;
  readonly localeProvider: string;
  readonly locale: string;
}

/** The databases in the position of a backup. Another version of this program may have written something else there. */
export function dumpedDatabases(position: JsonObject | null): DumpedDatabase[] {
  const listed: JsonValue | undefined = position?.databases;
  if (!Array.isArray(listed)) return [];
  return listed.flatMap((one: JsonValue) => {
    if (typeof one !== "object" || one === null || Array.isArray(one)) return [];
    const { name, stream } = one as JsonObject;
    if (typeof name !== "string" || typeof stream !== "string") return [];
    return [{ name, stream, settings: settingsIn(one as JsonObject) }];
  });
}

/** The major version of the server that was dumped; null if the position does not have it. */
export function dumpedMajor(position: JsonObject | null): number | null {
  const version = position?.server;
  return typeof version === "string" ? Number.parseInt(version) || null : null;
}

function settingsIn({ encoding, collation, characterType, localeProvider, locale = "" }: JsonObject) {
  const settings = { encoding, collation, characterType, localeProvider, locale };
  return Object.values(settings).every((text) => typeof text === "string") ? settings as DumpedSettings : null;
}

/** The statement that makes a database on a server of this major version. */
export function createDatabase(name: string, as: DumpedDatabase | undefined, major: number): string {
  const create = `CREATE DATABASE ${quotedName(name)} TEMPLATE template0`;
  if (!as?.settings) return create;
  const { encoding, collation, characterType, localeProvider, locale } = as.settings;
  const own = [`ENCODING ${quotedText(encoding)}`, `LC_COLLATE ${quotedText(collation)}`];
  return [create, ...own, `LC_CTYPE ${quotedText(characterType)}`, ...providerOf(localeProvider, locale, major)].join(
    " ",
  );
}

/** The provider of locales can be chosen since version 15, one that comes with the server since 17. */
function providerOf(provider: string, locale: string, major: number): string[] {
  if (major < 15 || major < 17 && provider === "builtin") return [];
  if (provider === "icu") return ["LOCALE_PROVIDER icu", `ICU_LOCALE ${quotedText(locale)}`];
  return provider === "builtin" ? ["LOCALE_PROVIDER builtin", `BUILTIN_LOCALE ${quotedText(locale)}`] : [
    "LOCALE_PROVIDER libc",
  ];
}
