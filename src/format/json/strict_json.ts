/**
 * JSON without silent losses. `JSON.stringify` leaves out what it cannot write or writes something else, and
 * `JSON.parse` rounds numbers; here both are refused, so that what comes back is what went in.
 */
import { messageOf, UsageError } from "../../base/errors.ts";
import { formatSize } from "../../base/text/size.ts";
import { QUOTE } from "./json_bytes.ts";
import { endOfString, jsonExcess, type JsonValue, MOST_JSON_DEPTH, MOST_JSON_VALUES } from "./json_text.ts";

/** Most characters of the way to a part of a value in a message. */
const MOST_PATH_LENGTH = 80;

/**
 * The JSON text of a value, in the order of its own properties and without white space. `mostBytes` limits the text.
 * Throws a `UsageError` that names the place of what JSON has not: `undefined`, functions, symbols, big integers, `NaN`
 * and infinities, gaps in arrays, objects that are more than their properties (dates, maps, instances of classes),
 * values that contain themselves, and those that are nested too deeply or have too many parts.
 */
export function strictJsonText(value: unknown, mostBytes: number): string {
  return new StrictWriter(mostBytes).write(value);
}

/** Writes one value. */
class StrictWriter {
  readonly #mostBytes: number;
  readonly #parts: string[] = [];
  /** The properties and indices that lead to what is being written. */
  readonly #path: (string | number)[] = [];
  /** The objects that are being written, from the outermost on. */
  readonly #open = new Set<object>();
  /** Members and elements so far. */
  #values = 0;
  /** A lower limit of the bytes so far. */
  #bytes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  write(value: unknown): string {
    this.#value(value);
    return this.#parts.join("");
  }

  #value(value: unknown): void {
    switch (typeof value) {
      case "string":
        return this.#put(JSON.stringify(value));
      case "boolean":
        return this.#put(String(value));
      case "number":
        return this.#number(value);
      case "object":
        return value === null ? this.#put("null") : this.#object(value);
      default:
        throw this.#refused(`${describe(value)} is no JSON`);
    }
  }

  #number(value: number): void {
    if (!Number.isFinite(value)) throw this.#refused(`${value} is no JSON`);
    // String and JSON.stringify lose the sign of zero, which JSON has.
    this.#put(Object.is(value, -0) ? "-0" : String(value));
  }

  #object(object: object): void {
    if (this.#open.has(object)) throw this.#refused("it contains itself there");
    if (this.#open.size === MOST_JSON_DEPTH) throw this.#refused(`it is nested more than ${MOST_JSON_DEPTH} deep`);
    this.#open.add(object);
    this.#count();
    if (Array.isArray(object)) this.#array(object);
    else this.#plainObject(object);
    this.#open.delete(object);
  }

  #array(array: readonly unknown[]): void {
    if (!isPlain(array, Array.isArray)) throw this.#refused(`${describe(array)} is more than an array`);
    // An array of this many elements could not be kept; a sparse one of this length would take for ever.
    if (array.length > MOST_JSON_VALUES) throw this.#tooMany();
    if (Object.keys(array).length > array.length || Object.getOwnPropertySymbols(array).length > 0) {
      throw this.#refused("it is an array with properties");
    }
    this.#put("[");
    for (let i = 0; i < array.length; i++) {
      if (i > 0) this.#separate();
      this.#path.push(i);
      this.#member(array, i, "a gap in an array");
      this.#path.pop();
    }
    this.#put("]");
  }

  #plainObject(object: object): void {
    if (!isPlain(object, isRootPrototype)) throw this.#refused(`${describe(object)} is more than its properties`);
    this.#put("{");
    let isFirst = true;
    for (const name of Reflect.ownKeys(object)) {
      if (typeof name === "symbol") throw this.#refused("a property whose name is a symbol is no JSON");
      if (!isFirst) this.#separate();
      isFirst = false;
      this.#path.push(name);
      this.#put(`${JSON.stringify(name)}:`);
      this.#member(object, name, "no value");
      this.#path.pop();
    }
    this.#put("}");
  }

  #member(holder: object, name: string | number, missing: string): void {
    const property = Object.getOwnPropertyDescriptor(holder, name);
    if (property === undefined) throw this.#refused(`there is ${missing}`);
    if (!("value" in property)) throw this.#refused("a getter is no JSON");
    if (!property.enumerable) throw this.#refused("it is a property that is not enumerable");
    this.#value(property.value);
  }

  #separate(): void {
    this.#count();
    this.#put(",");
  }

  #count(): void {
    if (++this.#values > MOST_JSON_VALUES) throw this.#tooMany();
  }

  /** A value whose parts are shared can be short in memory and endless as text. */
  #put(text: string): void {
    this.#bytes += text.length;
    if (this.#bytes > this.#mostBytes) {
      throw new UsageError(
        `The value is too large: its JSON text has more than ${
          formatSize(this.#mostBytes)
        }; back it up with "agent put"`,
      );
    }
    this.#parts.push(text);
  }

  #tooMany(): UsageError {
    return new UsageError(`The value has more than ${MOST_JSON_VALUES} parts: set it in several, or as bytes`);
  }

  #refused(problem: string): UsageError {
    const path = pathText(this.#path);
    return new UsageError(`Not a JSON value${path === "" ? "" : `, at ${path}`}: ${problem}`);
  }
}

/** What a value is that is no JSON, without its content. */
function describe(value: unknown): string {
  if (typeof value === "bigint") return "a BigInt";
  if (typeof value === "object" && value !== null) {
    const name = constructorName(value);
    const hint = value instanceof Date ? " (toISOString gives its text)" : "";
    return name === "" ? "an object with a prototype" : `an object of ${name}${hint}`;
  }
  return typeof value === "undefined" ? "undefined" : `a ${typeof value}`;
}

function constructorName(value: object): string {
  const constructor = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(value) ?? {}, "constructor")?.value;
  return typeof constructor === "function" ? String(constructor.name) : "";
}

/** Whether an object is of no class, in this realm or another: it has no prototype, or one of the expected kind. */
function isPlain(object: object, isExpected: (prototype: object) => boolean): boolean {
  const prototype = Object.getPrototypeOf(object);
  return prototype === null || isExpected(prototype);
}

/** Whether that is the prototype of all objects of a realm: the only one with these methods that has none itself. */
function isRootPrototype(prototype: object): boolean {
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "isPrototypeOf");
}

/** The way to a part of a value as a program would write it: `users[3].name`. */
function pathText(path: readonly (string | number)[]): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (/^[A-Za-z_$][\w$]*$/.test(step)) text += text === "" ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text.length <= MOST_PATH_LENGTH ? text : `${text.slice(0, MOST_PATH_LENGTH)}…`;
}

/**
 * The value of a JSON text that a person or another program wrote; messages call it `what`, and show nothing of it. Throws
 * `UsageError` for what is no JSON, with `advice`, is nested too deeply, has too many values, or numbers that would be
 * rounded.
 */
export function exactJson(text: string, what: string, advice: string): JsonValue {
  const excess = jsonExcess(text);
  if (excess !== null) throw new UsageError(`${what} is ${excess}: set it in several values, or as bytes`);
  let value: JsonValue;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // The parser's message shows what is there, which may be a secret.
    throw new UsageError(`${what} is not JSON${placeOf(error)}; ${advice}`);
  }
  refuseRounding(text, what);
  return value;
}

/** Where the parser stopped. */
function placeOf(error: unknown): string {
  const [, line, column] = /\(line (\d+) column (\d+)\)/.exec(messageOf(error)) ?? [];
  return line === undefined ? "" : `, from line ${line}, column ${column} on`;
}

const NUMBER = /-?[\d.eE+-]+/y;
const NUMBER_STARTS = /[-\d]/;

/** Throws `UsageError` if valid JSON has a number that is another one than its text. */
function refuseRounding(text: string, what: string): void {
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) === QUOTE) at = endOfString(text, at);
    else if (NUMBER_STARTS.test(text[at]!)) {
      NUMBER.lastIndex = at;
      const number = NUMBER.exec(text)![0];
      const rounded = String(Number(number));
      if (number !== rounded && decimalOf(number) !== decimalOf(rounded)) {
        throw new UsageError(`${what} has a number that would be rounded to ${rounded}: write it as a string`);
      }
      at = NUMBER.lastIndex - 1;
    }
  }
}

/** A number in one form: its digits without zeros at either end, and the power of ten behind the last of them. */
function decimalOf(number: string): string {
  const [, whole = "", fraction = "", exponent = "0"] = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number) ?? [];
  const all = (whole + fraction).replace(/^0+/, "");
  const digits = all.replace(/0+$/, "");
  if (digits === "" && whole !== "") return "0";
  return `${digits}e${Number(exponent) - fraction.length + all.length - digits.length}`;
}
