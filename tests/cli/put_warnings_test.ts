/** Warnings of `agent put` that do not depend on the source, for people and as JSON. */
import { deepEqual, equal } from "node:assert/strict";
import { Desk } from "./desk.ts";

Deno.test("put warns once of another --chunk-size than the series has, also with --quiet and --json", async () => {
  await Desk.with(async (desk) => {
    const put = async (...args: string[]) => {
      const { exitCode, stdout, stderr } = await desk.run(["put", "prod/shop", "--guard", "none", ...args], {
        stdin: "orders",
      });
      equal(exitCode, 0, stderr);
      return { stdout, stderr };
    };
    equal((await put("--quiet", "--chunk-size", "4K")).stderr, "");
    const text = (from: string, to: string) =>
      `The chunks of "prod/shop" had ${from} on average and now have ${to}, which stores most or all of it anew; ` +
      "later backups keep the new size";
    equal((await put("--quiet", "--chunk-size", "8K")).stderr, `agent: warning: ${text("4.00 KiB", "8.00 KiB")}\n`);
    equal((await put("--quiet")).stderr, "");
    const { stdout, stderr } = await put("--json", "--chunk-size", "16K");
    const message = text("8.00 KiB", "16.0 KiB");
    const warnings = stderr.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line))
      .filter(({ message_type }) => message_type === "warning");
    deepEqual(warnings, [{ message_type: "warning", message }]);
    deepEqual(JSON.parse(stdout).warnings, [message]);
  });
});
