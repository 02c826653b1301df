/** Parses `[repositories.NAME]`: where a repository is, how it opens, and how its server is reached. */
import { UsageError } from "../../base/errors.ts";
import { parseSpan } from "../../base/text/duration.ts";
import { parseSize } from "../../base/text/size.ts";
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
  "retry-lock": checked(parseSpan),
};

/** Keys with a size a second: a text, or a number of KiB. */
const RATES = ["limit-upload", "limit-download"];
const FLAGS = ["insecure-tls", "no-cache"];

/** The repository of a table. */
export function readRepository(name: string, table: TableReader): RepositorySettings {
  const settings = new Map<string, Setting>();
  const add = (key: string, setting: Setting | undefined) => setting !== undefined && settings.set(key, setting);
  for (const [key, check] of Object.entries(TEXTS)) add(key, table.text(key, check));
  add("option", table.texts("option", checkOption));
  for (const key of RATES) add(key, rate(table, key));
  for (const key of FLAGS) add(key, table.flag(key));
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

function rate(table: TableReader, key: string): Setting | undefined {
  const isNumber = table.table.entries.get(key)?.value.kind === "number";
  return isNumber ? table.setting(key) : table.text(key, checked(parseSize));
}

/** A setting of a store. */
function checkOption(text: string): string {
  if (text.indexOf("=") > 0) return text;
  throw new UsageError(`"${text}" is not a setting; write for example s3.region=eu-west-1`);
}

/** A check that a text can be parsed. */
function checked(parse: (text: string) => unknown): (text: string) => string {
  return (text) => {
    parse(text);
    return text;
  };
}

function asItIs(text: string): string {
  return text;
}
