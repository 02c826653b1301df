/** Parses `[repositories.NAME]`: where a repository is, how it opens, and how its server is reached. */
import type { RepositorySettings, Setting } from "../configuration.ts";
import type { TableReader } from "./table_reader.ts";
import { checkAddress, checkPath, checkSecret } from "../values.ts";

/** Keys of which a repository has one at most, by what they give. */
const ALTERNATIVES = {
  place: ["url", "repository-file"],
  password: ["password", "password-file", "password-command"],
} as const;

/** Keys with a text, and what it has to be. */
const TEXTS: Readonly<Record<string, (text: string) => string>> = {
  url: checkAddress,
  "repository-file": checkPath,
  "password": checkSecret,
  "password-file": checkPath,
  "password-command": asItIs,
  "rest-username": asItIs,
  "rest-password": checkSecret,
  "s3-access-key-id": asItIs,
  "s3-secret-access-key": checkSecret,
  "cacert": checkPath,
  "tls-client-cert": checkPath,
  "cache-dir": checkPath,
  "retry-lock": asItIs,
};

/** Options whose value is judged by their own parsers when a repository is opened. */
const OPTIONS = ["limit-upload", "limit-download", "insecure-tls", "no-cache"];

/** The repository of a table. */
export function readRepository(name: string, table: TableReader): RepositorySettings {
  const settings = new Map<string, Setting>();
  const add = (key: string, setting: Setting | undefined) => setting !== undefined && settings.set(key, setting);
  for (const [key, check] of Object.entries(TEXTS)) add(key, table.text(key, check));
  add("option", table.texts("option"));
  for (const key of OPTIONS) add(key, table.setting(key));
  table.finish((key) => key === "repo" ? 'its place is "url"' : undefined);
  checkAlternatives(table);
  return { name, line: table.table.line, settings };
}

function checkAlternatives(table: TableReader): void {
  const given = (keys: readonly string[]) => keys.filter((key) => table.table.entries.has(key));
  if (given(ALTERNATIVES.place).length === 0) {
    table.refuse(table.table.line, `There is no "url" in ${table.name}: say where the repository is`);
  }
  for (const keys of Object.values(ALTERNATIVES)) {
    const [first, second] = given(keys);
    if (second === undefined) continue;
    const { line } = table.table.entries.get(second)!;
    table.refuse(line, `"${first}" and "${second}" in ${table.name} say the same thing twice: leave one out`);
  }
}

function asItIs(text: string): string {
  return text;
}
