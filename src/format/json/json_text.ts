/** Small JSON files: decodes bytes, checks them against a schema, and reports every failure as an `IntegrityError`. */
import * as v from "valibot";
import { damaged } from "../damage.ts";
import { CLOSE_ARRAY, CLOSE_OBJECT, COMMA, OPEN_ARRAY, OPEN_OBJECT, QUOTE } from "./json_bytes.ts";

/** Any JSON value. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
/** A JSON object. */
export interface JsonObject {
  /** A value by its name. */
  readonly [key: string]: JsonValue;
}

/** Options of the decoders. */
interface JsonTextOptions {
  /** Whether the text is a secret. No part of it may then enter an error, not even through its cause. */
  readonly secret?: boolean;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of UTF-8 bytes. Throws `IntegrityError` if they are not valid UTF-8. */
export function decodeUtf8(bytes: Uint8Array, what: string): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw damaged(what, "not UTF-8", error);
  }
}

/** No file of a repository nests deeper. The limit keeps code that walks a value from exhausting the stack. */
export const MOST_JSON_DEPTH = 500;
/** Most members and elements in one text, each at least 32 bytes in memory: a manifest has some ten for each file. */
export const MOST_JSON_VALUES = 1_000_000;

/** The parsed JSON text. Throws `IntegrityError` if it is not valid JSON, nested too deeply or has too many values. */
export function parseJson(text: string, what: string, options: JsonTextOptions = {}): unknown {
  const excess = jsonExcess(text);
  if (excess !== null) throw damaged(what, excess);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw damaged(what, "not valid JSON", options.secret ? undefined : error);
  }
}

/**
 * Why a text is not parsed, before anything is: it is nested too deeply or has too many values. Null if neither; invalid
 * JSON is left to the parser.
 */
export function jsonExcess(text: string): string | null {
  let depth = 0;
  let values = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at);
        break;
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        if (++depth > MOST_JSON_DEPTH) return `nested more than ${MOST_JSON_DEPTH} deep`;
        values++;
        break;
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        depth--;
        break;
      case COMMA:
        values++;
    }
    if (values > MOST_JSON_VALUES) return `more than ${MOST_JSON_VALUES} values`;
  }
  return null;
}

/** Where the string that begins at `at` ends: at its second quote, or behind the text. */
export function endOfString(text: string, at: number): number {
  for (let end = text.indexOf('"', at + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text[end - 1 - slashes] === "\\") slashes++;
    if (slashes % 2 === 0) return end;
  }
  return text.length;
}

/** The value in the schema's output form. Throws an `IntegrityError` that names the field and never shows its value. */
export function validate<const Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  what: string,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  throw damaged(what, problemOf(result.issues[0]));
}

/** Decodes UTF-8 JSON bytes by the schema. Throws `IntegrityError`. */
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
