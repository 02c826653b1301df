/** Writes plain objects as TOML: values of a table first, then the tables in it. */

/** A table as a plain object. */
type Plain = Readonly<Record<string, unknown>>;

/** The text of a file with these keys. Undefined values are left out. */
export function tomlText(top: Plain): string {
  return tableLines(top, []).join("\n").replace(/^\n+/, "") + "\n";
}

function tableLines(table: Plain, path: readonly string[]): string[] {
  const entries = Object.entries(table).filter(([, value]) => value !== undefined);
  const inner = entries.filter(([, value]) => isTable(value) || isTableList(value));
  const own = entries.filter((entry) => !inner.includes(entry));
  return [
    ...own.map(([key, value]) => `${keyText(key)} = ${valueText(value)}`),
    ...inner.flatMap(([key, value]) => innerLines(value, [...path, key])),
  ];
}

function innerLines(value: unknown, path: readonly string[]): string[] {
  const name = path.map(keyText).join(".");
  if (Array.isArray(value)) return value.flatMap((item) => ["", `[[${name}]]`, ...tableLines(item, path)]);
  const lines = tableLines(value as Plain, path);
  // A table that holds nothing but tables needs no header of its own.
  return lines.length > 0 && lines[0] === "" ? lines : ["", `[${name}]`, ...lines];
}

function isTable(value: unknown): value is Plain {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTableList(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isTable);
}

function keyText(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : text(key);
}

/** A value as it stands behind the equals sign. */
export function valueText(value: unknown): string {
  if (typeof value === "string") return text(value);
  if (typeof value === "number") return numberText(value);
  if (Array.isArray(value)) return `[${value.map(valueText).join(", ")}]`;
  if (isTable(value)) {
    const entries = Object.entries(value).map(([key, inner]) => `${keyText(key)} = ${valueText(inner)}`);
    return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
  }
  return String(value);
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  return Object.is(value, -0) ? "-0.0" : String(value);
}

/** A basic string. JSON's escapes are TOML's; DEL has to be escaped as well. */
function text(value: string): string {
  return JSON.stringify(value).replaceAll("\x7f", "\\u007f");
}
