/** JSON that nobody writes: one text after the other, each a small change of a good one, the same in every run. */

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** JSON text that stands for itself. */
class Raw {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Value = null | boolean | number | string | Raw | Value[] | Map<string, Value>;

const DEEP = 3_000;
const ZERO_ID = "0".repeat(64);

/** What takes the place of a value. */
const NASTY: readonly (() => Value)[] = [
  () => null,
  () => true,
  () => 0,
  () => -1,
  () => new Raw("-0"),
  () => 1.5,
  () => 31,
  () => 2 ** 31,
  () => 2 ** 32 - 1,
  () => 2 ** 32,
  () => new Raw("9007199254740992"),
  () => new Raw("18446744073709551615"),
  () => new Raw("18446744073709551616"),
  () => new Raw("1e400"),
  () => new Raw("-1e400"),
  () => new Raw("NaN"),
  () => new Raw("1".repeat(5_000)),
  () => "",
  () => ".",
  () => "..",
  () => "a/b",
  () => "x\0y",
  () => "\u202e\u001b[31m\u009b",
  () => new Raw('"\\ud800"'),
  () => new Raw('"\\udfff\\ud800 \\u0000"'),
  () => "long ".repeat(20_000),
  () => ZERO_ID,
  () => "F".repeat(64),
  () => "0000-00-00T00:00:00Z",
  () => "0001-01-01T00:00:00Z",
  () => "9999-12-31T23:59:60+23:59",
  () => "2026-02-30T25:61:61Z",
  () => new Raw("[".repeat(DEEP) + "]".repeat(DEEP)),
  () => new Raw('{"a":'.repeat(DEEP) + "1" + "}".repeat(DEEP)),
  () => [],
  () => new Map<string, Value>(),
  () => new Map<string, Value>([["__proto__", new Map<string, Value>([["polluted", true]])]]),
  () => [null, [null], -1, ""],
];

const KEYS = ["__proto__", "constructor", "toString", "", "\ud800", "agent", "id", "tree", "content"];

/** Changes a good text in one to three places. What comes out need not be JSON. */
export function mutate(text: string, random: () => number): string {
  const root = parsed(JSON.parse(text));
  let changed = root;
  for (let changes = 1 + Math.floor(random() * 3); changes > 0; changes--) changed = changeOnce(changed, random);
  const out = written(changed);
  return random() < 0.1 ? broken(out, random) : out;
}

function changeOnce(root: Value, random: () => number): Value {
  const places = placesIn(root);
  if (places.length === 0 || random() < 0.02) return pick(NASTY, random)();
  const { holder, key } = pick(places, random);
  switch (Math.floor(random() * 7)) {
    case 0:
      removeFrom(holder, key);
      break;
    case 1: {
      const other = pick(places, random);
      setIn(holder, key, getFrom(other.holder, other.key) ?? null);
      break;
    }
    case 2:
      if (Array.isArray(holder)) holder.push(...Array.from({ length: 300 }, () => getFrom(holder, key) ?? null));
      else holder.set(pick(KEYS, random), pick(NASTY, random)());
      break;
    case 3:
    case 4:
      setIn(holder, key, likely(getFrom(holder, key), random));
      break;
    default:
      setIn(holder, key, pick(NASTY, random)());
  }
  return root;
}

/** Another value of the same type: what a schema lets pass and the code behind it has to bear. */
function likely(value: Value | undefined, random: () => number): Value {
  if (typeof value === "number") {
    const others = [
      0,
      1,
      31,
      32,
      33,
      value + 1,
      value - 1,
      value * 2,
      value * 1000,
      2 ** 24,
      2 ** 32 - 2 ** 20,
      2 ** 53 - 1,
    ];
    return pick(others, random);
  }
  if (typeof value !== "string") return pick(NASTY, random)();
  const digit = "0123456789abcdef"[Math.floor(random() * 16)]!;
  const at = Math.floor(random() * value.length);
  return random() < 0.5 ? value.slice(0, at) + digit + value.slice(at + 1) : value.slice(0, at);
}

/** Cuts the text, or changes a byte of it, or says a member twice. */
function broken(text: string, random: () => number): string {
  const at = Math.floor(random() * text.length);
  switch (Math.floor(random() * 3)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.slice(0, at) + String.fromCharCode(Math.floor(random() * 128)) + text.slice(at + 1);
    default:
      return text.replace("{", '{"id":1,"id":[],"id":null,');
  }
}

interface Place {
  readonly holder: Value[] | Map<string, Value>;
  readonly key: string | number;
}

function placesIn(value: Value): Place[] {
  if (Array.isArray(value)) {
    return value.slice(0, 50).flatMap((item, key) => [{ holder: value, key }, ...placesIn(item)]);
  }
  if (value instanceof Map) return [...value].flatMap(([key, item]) => [{ holder: value, key }, ...placesIn(item)]);
  return [];
}

function getFrom(holder: Place["holder"], key: string | number): Value | undefined {
  return Array.isArray(holder) ? holder[Number(key)] : holder.get(String(key));
}

function setIn(holder: Place["holder"], key: string | number, value: Value): void {
  // A holder within itself would be written without end.
  const copy = parsedAgain(value);
  if (Array.isArray(holder)) holder[Number(key)] = copy;
  else holder.set(String(key), copy);
}

function removeFrom(holder: Place["holder"], key: string | number): void {
  if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else holder.delete(String(key));
}

function parsed(value: unknown): Value {
  if (Array.isArray(value)) return value.map(parsed);
  if (typeof value !== "object" || value === null) return value as Value;
  return new Map(Object.entries(value).map(([key, member]) => [key, parsed(member)]));
}

function parsedAgain(value: Value): Value {
  if (Array.isArray(value)) return value.map(parsedAgain);
  if (value instanceof Map) return new Map([...value].map(([key, member]) => [key, parsedAgain(member)]));
  return value;
}

function written(value: Value): string {
  if (value instanceof Raw) return value.text;
  if (Array.isArray(value)) return `[${value.map(written).join(",")}]`;
  if (value instanceof Map) {
    return `{${[...value].map(([key, member]) => `${JSON.stringify(key)}:${written(member)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

function pick<T>(items: readonly T[], random: () => number): T {
  return items[Math.floor(random() * items.length)]!;
}
