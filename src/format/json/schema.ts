/**
 * The building blocks of the schemas: for each type, they accept what Go's decoder accepts. If a name says `OrZero`, a
 * field that is missing or `null` reads as Go's zero value.
 */
import * as v from "valibot";
import { asId, type Id } from "../../base/id.ts";
import { decodeBase64 } from "./base64.ts";
import { isRfc3339, ZERO_TIME } from "../time.ts";

const UINT32_MAX = 2 ** 32 - 1;

/** An object with these fields; unknown ones are dropped. (`v.object` alone would accept an array.) */
export function fields<const Entries extends v.ObjectEntries>(entries: Entries) {
  return v.pipe(v.unknown(), v.check((value) => !Array.isArray(value), "expected an object"), v.object(entries));
}

/** A string. Escapes that form no character become U+FFFD, as in Go. */
export const text = v.pipe(v.string(), v.transform((value) => value.toWellFormed()));
/** A string; empty if missing. */
export const textOrZero = v.nullish(text, "");
/** A list of strings; empty if missing. */
export const textsOrZero = v.nullish(v.array(textOrZero), []);

/** A whole number. */
export const integer = v.pipe(v.number(), v.check((value) => Number.isSafeInteger(value), "expected an integer"));
/** A whole number of at least 0. */
export const count = v.pipe(
  integer,
  v.check((value) => value >= 0 && !Object.is(value, -0), "expected an integer of at least 0"),
);
/** A count; 0 if missing. */
export const countOrZero = v.nullish(count, 0);
/** A count below 2^32; 0 if missing. */
export const uint32OrZero = v.nullish(
  v.pipe(count, v.check((value) => value <= UINT32_MAX, "expected an integer below 2^32")),
  0,
);

/** An RFC 3339 time, kept as text. */
export const timestamp = v.pipe(v.string(), v.guard(isRfc3339, "expected an RFC 3339 time"));
/** A time; Go's zero time if missing. */
export const timestampOrZero = v.nullish(timestamp, ZERO_TIME);

/** 64 hex digits of either case, converted to lower case. */
export function id<T extends Id>() {
  return v.pipe(
    v.string(),
    v.check((value) => /^[0-9a-fA-F]{64}$/.test(value), "expected 64 hex digits"),
    v.transform((value) => asId<T>(value.toLowerCase())),
  );
}

/** An identifier; `null` if missing. */
export function idOrNull<T extends Id>() {
  return v.nullish(id<T>(), null);
}

/** Bytes in padded standard base64; `length`, if given, is the number of bytes required. */
export function base64Bytes(length?: number) {
  return v.pipe(
    v.string(),
    v.rawTransform(({ dataset, addIssue, NEVER }): Uint8Array<ArrayBuffer> => {
      const bytes = decodeBase64(dataset.value);
      if (bytes !== null && (length === undefined || bytes.length === length)) return bytes;
      addIssue({ message: length === undefined ? "expected base64" : `expected base64 of ${length} bytes` });
      return NEVER;
    }),
  );
}
