/** What `agent kv set` sets: an argument, a file or standard input, as JSON, text or bytes; or many values at once. */
import { UsageError } from "../../base/errors.ts";
import { concatBytes } from "../../base/bytes.ts";
import { formatSize } from "../../base/text/size.ts";
import { exactJson } from "../../format/json/strict_json.ts";
import { readNamedFile } from "../../password/named_file.ts";
import { MOST_VALUE_BYTES } from "../../ops/values/value.ts";
import type { CliContext } from "../context.ts";

/** The options that say what is set. */
interface ValueInputOptions {
  readonly string?: boolean;
  readonly bytes?: boolean;
  readonly file?: string;
  readonly all?: string;
}

const JSON_ADVICE = "a text needs quotes, as in '\"text\"', or --string";

/** Keys and their values: JSON values, or bytes. Throws `UsageError` if arguments and options contradict each other. */
export async function readValues(
  key: string | undefined,
  value: string | undefined,
  options: ValueInputOptions,
  context: CliContext,
): Promise<[key: string, value: unknown][]> {
  const { string: isText = false, bytes: isBytes = false, file, all } = options;
  if (all !== undefined) {
    if (key !== undefined || isText || isBytes || file !== undefined) {
      throw new UsageError(
        "--all takes keys and values from its file: give it without KEY, --string, --bytes and --file",
      );
    }
    return Object.entries(await readObject(all, context));
  }
  if (key === undefined) throw new UsageError("There is no key: name one, or use --all");
  if (isText && isBytes) throw new UsageError("A value is a text or bytes: give --string or --bytes, not both");
  if (value === undefined) return [[key, valueOf(await readBytes(file, context), isText, isBytes)]];
  if (file !== undefined) throw new UsageError("The value is given twice: leave out VALUE or --file");
  if (isBytes) throw new UsageError("--bytes reads a file or standard input: leave VALUE out");
  return [[key, isText ? value : exactJson(value, "VALUE", JSON_ADVICE)]];
}

/** An object of keys and values, from a file or, for `-`, from standard input. */
async function readObject(path: string, context: CliContext): Promise<object> {
  const text = textOf(await readBytes(path === "-" ? undefined : path, context), "what --all names");
  const values = exactJson(text, "What --all names", "write an object of keys and values");
  if (typeof values === "object" && values !== null && !Array.isArray(values)) return values;
  throw new UsageError('What --all names is no JSON object: write keys and values, as in {"app/port": 8080}');
}

function valueOf(bytes: Uint8Array, isText: boolean, isBytes: boolean): unknown {
  if (isBytes) return bytes;
  const text = textOf(bytes, "the value");
  return isText ? text : exactJson(text, "The value", `${JSON_ADVICE}; --bytes takes anything`);
}

function textOf(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new UsageError(`Not text: ${what} is not valid UTF-8; --bytes takes anything`);
  }
}

/** The bytes of a file or, without one, of standard input. Throws `UsageError` if they are too many for a value. */
async function readBytes(file: string | undefined, { stdin }: CliContext): Promise<Uint8Array> {
  if (file !== undefined) {
    const size = await Deno.stat(file).then(({ size }) => size, () => 0); // What is wrong, the reading tells.
    refuseTooLarge(size);
    return await readNamedFile(file, "value");
  }
  if (stdin.isTerminal) {
    throw new UsageError("Standard input is a terminal: give VALUE or --file, or pipe the value in");
  }
  const pieces: Uint8Array[] = [];
  const buffer = new Uint8Array(64 * 1024);
  let total = 0;
  for (let size = await stdin.read(buffer); size !== null; size = await stdin.read(buffer)) {
    refuseTooLarge(total += size);
    pieces.push(buffer.slice(0, size));
  }
  return concatBytes(pieces);
}

function refuseTooLarge(bytes: number): void {
  if (bytes <= MOST_VALUE_BYTES) return;
  throw new UsageError(
    `The value is larger than ${formatSize(MOST_VALUE_BYTES)}: "agent put" backs up streams and files of any size`,
  );
}
