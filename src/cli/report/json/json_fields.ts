/**
 * The parts from which schemas of JSON messages are built: what a field means, its unit, and when it is null or absent.
 */
import * as v from "valibot";

/** What docs/json.md says about a field. */
export interface FieldFacts {
  /** Its type: `text`, `bytes`, `list` … */
  readonly type?: string;
  /** When it is null. */
  readonly nullWhen?: string;
  /** When it is absent. */
  readonly absentWhen?: string;
  /** The title of another message that the field contains. */
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
/** The session of an action on backups. */
export const session = text("The session of its events, a UUID 4. A dry run has a session too, but no events.");
/** A size. */
export const bytes = (about: string) => field(v.number(), "bytes", about);
/** A count, or another number without a unit. */
export const count = (about: string) => field(v.number(), "number", about);
/** A duration. */
export const seconds = (about: string) => field(v.number(), "seconds", about);
/** A duration. */
export const milliseconds = (about: string) => field(v.number(), "milliseconds", about);
/** True or false. */
export const flag = (about: string) => field(v.boolean(), "true or false", about);
/** One of a set of words. */
export const oneOf = <const Words extends readonly string[]>(words: Words, about: string) =>
  field(v.picklist(words), words.map((word) => `\`${word}\``).join(", "), about);
/** Always the same word. */
export const always = <const Word extends string>(word: Word, about: string) =>
  field(v.literal(word), `\`${word}\``, about);
/** Numbers by names that are not known in advance. */
export const numbersByName = (about: string) => field(v.record(v.string(), v.number()), "object of numbers", about);
/** Texts by names that are not known in advance. */
export const textsByName = (about: string) => field(v.record(v.string(), v.string()), "object of texts", about);
/** Any object. */
export const anyObject = (about: string) => field(v.record(v.string(), v.unknown()), "object", about);

/** A list of values of one kind. */
export const list = <const Item extends v.GenericSchema>(item: Item, about: string) =>
  field(v.pipe(v.array(item), v.readonly()), "list", about);

/** An object with fields. */
export const object = <const Entries extends v.ObjectEntries>(entries: Entries, about: string) =>
  field(v.strictObject(entries), "object", about);

/** A message within another, described separately. */
export const within = <const Schema extends v.GenericSchema>(schema: Schema, message: string) =>
  v.pipe(schema, v.metadata({ message }));

/** A field that may be null. */
export const orNull = <const Schema extends v.GenericSchema>(schema: Schema, nullWhen: string) =>
  v.nullable(v.pipe(schema, v.metadata({ nullWhen })));

/** A field that may be absent. */
export const orAbsent = <const Schema extends v.GenericSchema>(schema: Schema, absentWhen: string) =>
  v.exactOptional(v.pipe(schema, v.metadata({ absentWhen })));
