/** JSON text as Python's `json.dumps` writes it by default, so that its digests are the same. */
import type { JsonValue } from "../../format/json/json_text.ts";

/**
 * The value as Python writes it: a blank after every comma and colon, everything beyond printable ASCII escaped,
 * members in their order. Numbers must be safe integers: Python writes fractions differently.
 */
export function pythonJson(value: JsonValue): string {
  if (typeof value === "string") return quote(value);
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (isList(value)) return `[${value.map(pythonJson).join(", ")}]`;
  return `{${Object.entries(value).map(([key, member]) => `${quote(key)}: ${pythonJson(member)}`).join(", ")}}`;
}

/** Needed because `Array.isArray` does not narrow readonly arrays. */
function isList(value: JsonValue & object): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function quote(text: string): string {
  return JSON.stringify(text).replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
