/** The words that JSON messages are described in: what a field is, in which unit, and when it is null or absent. */
import * as v from "valibot";

/** What a schema of these tells of itself, for docs/json.md. */
export interface FieldFacts {
  /** What it is: `text`, `bytes`, `list` … */
  readonly type?: string;
  /** When it is null. */
  readonly nullWhen?: string;
  /** When it is not there. */
  readonly absentWhen?: string;
  /** The message that is described elsewhere and stands here. */
  readonly message?: string;
}

function field<const Schema extends v.GenericSchema>(schema: Schema, type: string, about: string) {
  return v.pipe(schema, v.description(about), v.metadata({ type }));
}

/** Any text. */
export const text = (about: string) => field(v.string(), "text", about);
/** An id or another digest, in lower-case hex digits. */
export const hex = (about: string) => field(v.string(), "hex digits", about);
/** A time as RFC 3339 writes it. */
export const time = (about: string) => field(v.string(), "time", about);
/** A size. */
export const bytes = (about: string) => field(v.number(), "bytes", about);
/** How many there are, or another number without a unit. */
export const count = (about: string) => field(v.number(), "number", about);
/** A span of time. */
export const seconds = (about: string) => field(v.number(), "seconds", about);
/** A span of time. */
export const milliseconds = (about: string) => field(v.number(), "milliseconds", about);
/** True or false. */
export const flag = (about: string) => field(v.boolean(), "true or false", about);
/** One of some words. */
export const oneOf = <const Words extends readonly string[]>(words: Words, about: string) =>
  field(v.picklist(words), words.map((word) => `\`${word}\``).join(", "), about);
/** Always the same word. */
export const always = <const Word extends string>(word: Word, about: string) =>
  field(v.literal(word), `\`${word}\``, about);
/** A number by each of some names that are not known before. */
export const numbersByName = (about: string) => field(v.record(v.string(), v.number()), "object of numbers", about);
/** A text by each of some names that are not known before. */
export const textsByName = (about: string) => field(v.record(v.string(), v.string()), "object of texts", about);
/** Any object. */
export const anyObject = (about: string) => field(v.record(v.string(), v.unknown()), "object", about);

/** Several of the same. */
export const list = <const Item extends v.GenericSchema>(item: Item, about: string) =>
  field(v.pipe(v.array(item), v.readonly()), "list", about);

/** Fields under a name of their own. */
export const object = <const Entries extends v.ObjectEntries>(entries: Entries, about: string) =>
  field(v.strictObject(entries), "object", about);

/** A message that is described by itself, within another one. */
export const within = <const Schema extends v.GenericSchema>(schema: Schema, message: string) =>
  v.pipe(schema, v.metadata({ message }));

/** The field, or null. */
export const orNull = <const Schema extends v.GenericSchema>(schema: Schema, nullWhen: string) =>
  v.nullable(v.pipe(schema, v.metadata({ nullWhen })));

/** The field, or nothing. */
export const orAbsent = <const Schema extends v.GenericSchema>(schema: Schema, absentWhen: string) =>
  v.exactOptional(v.pipe(schema, v.metadata({ absentWhen })));
