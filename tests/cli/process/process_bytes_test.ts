/** Arguments that are not UTF-8 are found, whatever the runtime made of them. */
import { equal, match } from "node:assert/strict";
import { unreadableArgument } from "../../../src/cli/process/process_bytes.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** What /proc/self/cmdline says of these arguments behind a program and its options. */
function commandLine(...args: readonly (string | Uint8Array)[]): () => Uint8Array {
  const all = ["deno", "run", ...args].map((arg) => typeof arg === "string" ? encode(arg) : arg);
  return () => Uint8Array.from(all.flatMap((bytes) => [...bytes, 0]));
}

const LATIN1 = Uint8Array.from([0x70, 0xe4]);

Deno.test("an argument that is not UTF-8 is refused by its number", () => {
  const error = unreadableArgument(["put", "\ufffd", "p\ufffd"], commandLine("put", "\ufffd", LATIN1));
  match(error!.message, /^Argument 3, "p\ufffd", is not UTF-8/);
});

Deno.test("arguments in UTF-8 are fine, U+FFFD and empty ones among them", () => {
  equal(unreadableArgument(["put", "größe", ""], () => undefined), undefined);
  equal(unreadableArgument(["put", "", "\ufffd"], commandLine("put", "", "\ufffd")), undefined);
});

Deno.test("where the system does not tell, what may not be UTF-8 is refused", () => {
  match(unreadableArgument(["put", "\ufffd"], () => undefined)!.message, /^Argument 2/);
});
