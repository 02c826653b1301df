/**
 * What is stored for a value of a program, and back: JSON text in `value.json`, bytes in `value`, or either of them under
 * a password of its own in `value.enc`.
 */
import { UsageError } from "../../base/errors.ts";
import type { Password } from "../../crypto/kdf.ts";
import { decodeUtf8, parseJson } from "../../format/json/json_text.ts";
import { strictJsonText } from "../../format/json/strict_json.ts";
import { MOST_VALUE_BYTES, type StoredValue, type ValueToSet } from "../../ops/values/value.ts";
import { openEnvelope, type ValueContent, type ValueSealer } from "./protected_value.ts";

/** How a value is stored. */
interface StoringOptions {
  /** Whether it is compressed. */
  readonly compress: boolean;
  /** Seals it under a password of its own; undefined for a value without one. */
  readonly sealer: ValueSealer | undefined;
}

/** The content of a value. Throws `UsageError` for what is neither JSON nor bytes, and says which part of it is not. */
export function contentOfValue(value: unknown): ValueContent {
  if (value instanceof Uint8Array) return { isJson: false, content: new Uint8Array(value) };
  return { isJson: true, content: new TextEncoder().encode(strictJsonText(value, MOST_VALUE_BYTES)) };
}

/** What is stored for a value. Throws `UsageError` if it is too large. */
export async function valueToSet(
  key: string,
  { isJson, content }: ValueContent,
  { compress, sealer }: StoringOptions,
): Promise<ValueToSet> {
  if (sealer === undefined) {
    const fileName = isJson ? "value.json" : "value";
    return { key, fileName, content, compression: compress ? "auto" : "off", options: {} };
  }
  const envelope = await sealer.seal(key, { isJson, content, isCompressed: compress });
  return { key, fileName: "value.enc", content: envelope, compression: "off", options: {} };
}

/**
 * The content of a stored value. A password must be given if and only if the value has one, since a value that comes
 * without it is not the one that was protected: throws `UsageError` otherwise. Throws `WrongPasswordError` for another
 * password, and `IntegrityError` for a damaged value.
 */
export async function openStored(
  { key, fileName, content }: StoredValue,
  password: Password | undefined,
): Promise<ValueContent> {
  const bytes = new Uint8Array(content);
  const shown = JSON.stringify(key);
  if (fileName !== "value.enc") {
    if (password === undefined) return { isJson: fileName === "value.json", content: bytes };
    throw new UsageError(`The value of ${shown} has no password of its own: leave the password out`);
  }
  if (password !== undefined) return await openEnvelope(bytes, { key, password, mostBytes: MOST_VALUE_BYTES });
  throw new UsageError(`The value of ${shown} has a password of its own: give that`);
}

/** The value of a content. Throws `IntegrityError` for what should be JSON and is not. */
export function valueOfContent(key: string, { isJson, content }: ValueContent): unknown {
  if (!isJson) return content;
  const what = `value of ${JSON.stringify(key)}`;
  return parseJson(decodeUtf8(content, what), what, { secret: true });
}
