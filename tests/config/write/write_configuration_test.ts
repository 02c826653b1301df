/** Writing the configuration file: what was there before is kept. */
import { deepEqual } from "node:assert/strict";
import { systemRandomBytes } from "../../../src/crypto/random.ts";
import { writeConfiguration } from "../../../src/config/write/write_configuration.ts";
import { TrustedDirectory, trustedTest } from "../../helpers/trusted_directory.ts";

trustedTest("each earlier file is kept, also of several that are replaced in one second", async () => {
  using folder = new TrustedDirectory();
  const machine = {
    uid: Deno.uid(),
    now: () => new Date("2026-08-30T03:17:02.500Z"),
    randomBytes: systemRandomBytes,
  };
  const path = folder.at("agent/agent.toml");
  const kept: (string | undefined)[] = [];
  for (const days of [1, 2, 3]) {
    kept.push(await writeConfiguration(path, `[rotation]\ndays = ${days}\n`, machine));
  }
  deepEqual(kept, [undefined, `${path}.bak-20260830T031702Z`, `${path}.bak-20260830T031702Z-2`]);
  const texts = [kept[1]!, kept[2]!, path].map((each) => Deno.readTextFileSync(each));
  deepEqual(texts, [1, 2, 3].map((days) => `[rotation]\ndays = ${days}\n`));
});
