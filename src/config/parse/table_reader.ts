/** Reads the keys of a table with their types, and notes what is wrong: unknown keys, wrong types, wrong values. */
import { messageOf, UsageError } from "../../base/errors.ts";
import { nearestName } from "../../base/text/nearest_name.ts";
import type { Setting, SettingValue } from "../configuration.ts";
import type { Problem } from "../problems.ts";
import type { TomlEntry, TomlTable, TomlValue } from "./toml.ts";

/** What messages call each kind of value. */
const KINDS: Readonly<Record<TomlValue["kind"], string>> = {
  text: "a text in quotes",
  number: "a number",
  flag: "true or false",
  date: "a date",
  list: "a list",
  table: "a table",
};

/** The name of a table in messages: `[defaults.put]`; that of the file's top is null. */
type TableName = string | null;

/** The reader of one table. Each key is taken once; `finish` refuses what is left. */
export class TableReader {
  readonly #known: string[] = [];

  /** `problems` gets the mistakes. */
  constructor(readonly table: TomlTable, readonly name: TableName, readonly problems: Problem[]) {}

  /** A text; undefined if it is missing or wrong. `check` throws `UsageError`, or returns what counts. */
  text(key: string, check: (text: string) => string = (text) => text): Setting<string> | undefined {
    return this.#value(key, "text", ({ value }) => check(value));
  }

  /** A list of texts. */
  texts(key: string, check: (text: string) => string = (text) => text): Setting<readonly string[]> | undefined {
    return this.#value(key, "list", ({ items }) =>
      items.map((item) => {
        if (item.kind !== "text") throw new UsageError(`this is ${KINDS[item.kind]}, not ${KINDS.text}`);
        return check(item.value);
      }));
  }

  /** True or false. */
  flag(key: string): Setting<boolean> | undefined {
    return this.#value(key, "flag", ({ value }) => value);
  }

  /** The value of an option of any kind. */
  setting(key: string): Setting | undefined {
    const entry = this.take(key);
    if (entry === undefined) return undefined;
    const value = settingValue(entry.value);
    if (value !== undefined) return { value, line: entry.line };
    this.refuse(entry.line, `Wrong value of ${this.whole(key)}: an option is a text, a number, true, false or a list`);
    return undefined;
  }

  /** A table within this one. */
  inner(key: string): TableReader | undefined {
    const entry = this.take(key);
    if (entry === undefined) return undefined;
    const { line, value } = entry;
    if (value.kind === "table") return new TableReader({ ...value, line }, this.nameOf(key), this.problems);
    this.refuse(line, `Wrong type of ${this.whole(key)}: it is ${KINDS[value.kind]}, and has to be a table`);
    return undefined;
  }

  /** Tables with names of the user's own: `[repositories.main]`. */
  named(key: string, isName: RegExp): readonly (readonly [string, TableReader])[] {
    const outer = this.inner(key);
    if (outer === undefined) return [];
    return [...outer.table.entries.keys()].flatMap((name) => {
      const inner = outer.inner(name);
      if (inner === undefined) return [];
      if (isName.test(name)) return [[name, inner] as const];
      this.refuse(inner.table.line, `Not a name: "${name}" in [${key}]; use letters, digits, - and _`);
      return [];
    });
  }

  /** A list of tables: `[[hooks]]`. */
  list(key: string): readonly TableReader[] {
    const entry = this.take(key);
    if (entry === undefined) return [];
    const { line, value } = entry;
    const items = value.kind === "list" ? value.items : [];
    if (value.kind === "list" && items.every((item) => item.kind === "table")) {
      return items.map((item) => new TableReader(item, `[${this.nameOf(key)}]`, this.problems));
    }
    this.refuse(line, `Wrong type of ${this.whole(key)}: write it as tables, each under [[${this.#path(key)}]]`);
    return [];
  }

  /** A key's entry, whatever it is; the key counts as known. */
  take(key: string): TomlEntry | undefined {
    this.#known.push(key);
    return this.table.entries.get(key);
  }

  /** The keys that nobody has taken. */
  get left(): string[] {
    return [...this.table.entries.keys()].filter((key) => !this.#known.includes(key));
  }

  /** Refuses the keys that nobody has taken. `advice` says what to write instead of a key, where that is known. */
  finish(advice: (key: string) => string | undefined = () => undefined): void {
    for (const key of this.left) {
      const where = this.name === null ? "at the top of the file" : `in ${this.name}`;
      const nearest = nearestName(key, this.#known);
      const hint = advice(key) ??
        (nearest === undefined ? `known are ${this.#known.toSorted().join(", ")}` : `did you mean "${nearest}"?`);
      this.refuse(this.table.entries.get(key)!.line, `There is no key "${key}" ${where}; ${hint}`);
    }
  }

  /** Notes a mistake. */
  refuse(line: number, message: string): void {
    this.problems.push({ line, message });
  }

  /** A key with its table, for messages. */
  whole(key: string): string {
    return this.name === null ? `"${key}"` : `"${key}" in ${this.name}`;
  }

  /** What messages call a table within this one. */
  nameOf(key: string): string {
    return `[${this.#path(key)}]`;
  }

  #path(key: string): string {
    const own = (this.name ?? "").replace(/^\[+|\]+$/g, "");
    return own === "" ? key : `${own}.${key}`;
  }

  #value<Kind extends TomlValue["kind"], Value>(
    key: string,
    kind: Kind,
    read: (value: Extract<TomlValue, { kind: Kind }>) => Value,
  ): Setting<Value> | undefined {
    const entry = this.take(key);
    if (entry === undefined) return undefined;
    const { line, value } = entry;
    if (value.kind !== kind) {
      this.refuse(line, `Wrong type of ${this.whole(key)}: it is ${KINDS[value.kind]}, and has to be ${KINDS[kind]}`);
      return undefined;
    }
    try {
      return { value: read(value as Extract<TomlValue, { kind: Kind }>), line };
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      this.refuse(line, `Wrong value of ${this.whole(key)}: ${messageOf(error)}`);
      return undefined;
    }
  }
}

/** A value as an option takes it; undefined for tables, dates and lists of anything but texts and numbers. */
function settingValue(value: TomlValue): SettingValue | undefined {
  if (value.kind === "number") return Number.isFinite(value.value) ? value.value : undefined;
  if (value.kind === "text" || value.kind === "flag") return value.value;
  if (value.kind !== "list") return undefined;
  const items = value.items.map(settingValue);
  const isPlain = items.every((item) => typeof item === "string" || typeof item === "number");
  return isPlain ? items as (string | number)[] : undefined;
}
