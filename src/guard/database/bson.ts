/** The BSON documents that a guard must read: flat ones, with simple types. Layout: bsonspec.org, version 1.1. */
import { SourceError } from "../../base/errors.ts";
import { latin1 } from "../judge.ts";
import { littleEndian } from "../walk.ts";

const TYPE = { double: 1, string: 2, boolean: 8, null: 10, int32: 16, int64: 18 };
const FIXED_BYTES: Readonly<Record<number, number>> = {
  [TYPE.double]: 8,
  [TYPE.boolean]: 1,
  [TYPE.null]: 0,
  [TYPE.int32]: 4,
  [TYPE.int64]: 8,
};
const LENGTH_BYTES = 4;

/** A flat document: its fields by name. */
export class FlatDocument {
  readonly #fields = new Map<string, { readonly type: number; readonly value: Uint8Array }>();

  /**
   * Reads a whole document, which begins with its length. Owns: the values are views of `bytes`. Throws `SourceError`
   * if the document is malformed.
   */
  constructor(bytes: Uint8Array) {
    const end = bytes.length - 1;
    if (bytes[end] !== 0) throw new SourceError("a document is malformed");
    for (let offset = LENGTH_BYTES; offset < end;) {
      const type = bytes[offset]!;
      const nameEnd = bytes.indexOf(0, offset + 1);
      const isString = type === TYPE.string;
      const start = nameEnd + 1 + (isString ? LENGTH_BYTES : 0);
      const length = isString && start <= end ? littleEndian(bytes, nameEnd + 1, LENGTH_BYTES) : FIXED_BYTES[type];
      if (nameEnd < 0 || length === undefined || start + length > end) throw new SourceError("a document is malformed");
      this.#fields.set(latin1(bytes.subarray(offset + 1, nameEnd)), {
        type,
        value: bytes.subarray(start, start + length),
      });
      offset = start + length;
    }
  }

  /** A string, one character for each byte, or "" if there is none with this name. */
  string(name: string): string {
    const value = this.#value(name, TYPE.string);
    return value === undefined ? "" : latin1(value.subarray(0, -1));
  }

  /** Whether the boolean with this name is present and true. */
  isTrue(name: string): boolean {
    return this.#value(name, TYPE.boolean)?.[0] === 1;
  }

  /** The eight bytes of a long integer, lowest first; `undefined` if there is none with this name. */
  int64(name: string): Uint8Array | undefined {
    return this.#value(name, TYPE.int64);
  }

  #value(name: string, type: number): Uint8Array | undefined {
    const field = this.#fields.get(name);
    return field?.type === type ? field.value : undefined;
  }
}
