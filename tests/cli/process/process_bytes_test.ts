/** Arguments are byte strings, whatever the runtime made of them. */
import { deepEqual, match, throws } from "node:assert/strict";
import { ExitCode, UsageError } from "../../../src/base/errors.ts";
import { byteStringArguments } from "../../../src/cli/process/process_bytes.ts";
import { runInProcess } from "../../helpers/command_line.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** What /proc/self/cmdline says of these arguments behind a program and its options. */
function commandLine(...args: readonly (string | Uint8Array)[]): () => Uint8Array {
  const all = ["deno", "run", ...args].map((arg) => typeof arg === "string" ? encode(arg) : arg);
  return () => Uint8Array.from(all.flatMap((bytes) => [...bytes, 0]));
}

const LATIN1 = Uint8Array.from([0x70, 0xe4]);

Deno.test("an argument that is not UTF-8 becomes a byte string", () => {
  const args = byteStringArguments(["put", "\ufffd", "p\ufffd"], commandLine("put", "\ufffd", LATIN1));
  deepEqual(args, ["put", "\ufffd", "p\udce4"]);
});

Deno.test("arguments in UTF-8 stay as they are, U+FFFD and empty ones among them", () => {
  deepEqual(byteStringArguments(["put", "größe", ""], () => undefined), ["put", "größe", ""]);
  deepEqual(byteStringArguments(["put", "", "\ufffd"], commandLine("put", "", "\ufffd")), ["put", "", "\ufffd"]);
});

Deno.test("where the system does not tell, what may not be UTF-8 is refused", () => {
  throws(() => byteStringArguments(["put", "\ufffd"], () => undefined), UsageError);
});

Deno.test("a command refuses what is not UTF-8 where only text makes sense", async () => {
  const refused = [
    ["ls", "p\udce4"],
    ["put", "p\udce4"],
    ["put", "a", "--tag", "x", "--tag", "p\udce4"],
    ["put", "a", "/b", "--exclude-file", "p\udce4"],
    ["put", "a", "--", "cat", "p\udce4"],
    ["-r", "p\udce4", "ls"],
    ["key", "add", "--new-password-file", "p\udce4"],
  ];
  for (const args of refused) {
    const { exitCode, stderr } = await runInProcess(args);
    deepEqual(exitCode, ExitCode.usage, args.join(" "));
    match(stderr, /The argument "p\\xe4" is not UTF-8/, args.join(" "));
  }
});
