/** Small JSON files: from bytes through a schema to values, with every failure an `IntegrityError`. */
import * as v from "valibot";
import { damaged } from "./damage.ts";

/** Anything that JSON can say. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
/** A JSON object. */
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** Options of the decoders. */
export interface JsonTextOptions {
  /** The text is a secret: no part of it may enter an error, not even as its cause. */
  readonly secret?: boolean;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of UTF-8 bytes; throws `IntegrityError` where they are none. */
export function decodeUtf8(bytes: Uint8Array, what: string): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw damaged(what, "not UTF-8", error);
  }
}

/** The JSON value that the text is; throws `IntegrityError` where it is none. */
export function parseJson(text: string, what: string, options: JsonTextOptions = {}): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw damaged(what, "not valid JSON", options.secret ? undefined : error);
  }
}

/** The value in the schema's output form; throws `IntegrityError` that names the field and never shows its value. */
export function validate<const Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  what: string,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  throw damaged(what, problemOf(result.issues[0]));
}

/** UTF-8 JSON bytes through the schema; throws `IntegrityError`. */
export function decodeJson<const Schema extends v.GenericSchema>(
  schema: Schema,
  bytes: Uint8Array,
  what: string,
  options: JsonTextOptions = {},
): v.InferOutput<Schema> {
  return validate(schema, parseJson(decodeUtf8(bytes, what), what, options), what);
}

function problemOf(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue);
  const isUnknown = issue.type === "strict_object" && issue.expected === "never";
  const isMissing = issue.received === "undefined";
  const expected = issue.expected === null ? issue.message : `expected ${issue.expected}`;
  const problem = isUnknown ? "unknown" : isMissing ? "missing" : expected;
  return path === null ? problem : `field "${path}": ${problem}`;
}
