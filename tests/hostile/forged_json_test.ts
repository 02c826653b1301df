/** Whatever the JSON of a repository says, commands end with one clear line and never with a fault of the program. */
import assert from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import { parseSeries } from "../../src/format/manifest/series.ts";
import { initRepository } from "../../src/repository/repository.ts";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import { runInProcess } from "../helpers/command_line.ts";
import { CHEAP_KDF, fakeWorld, noise, PASSWORD, putBytes } from "../helpers/world.ts";
import { FORGED_KINDS, Forgery } from "./forged_files.ts";
import { mutate, randomNumbers } from "./json_mutation.ts";

const FOLDER = await Deno.makeTempDir({ prefix: "agent-forged-" });
globalThis.addEventListener("unload", () => Deno.removeSync(FOLDER, { recursive: true }));

const WORLD = fakeWorld("forged");
const STORE = openLocalStore(FOLDER, { random: systemRandomBytes });
const REPOSITORY = await initRepository(STORE, PASSWORD, { ...WORLD, kdf: CHEAP_KDF });
for (const night of [1, 2]) {
  const access = { openStore: () => Promise.resolve(STORE), password: () => Promise.resolve(PASSWORD), retryLockMs: 0 };
  await putBytes(access, WORLD, noise(30_000 * night, "forged"), { series: parseSeries("shop") });
  await WORLD.clock.advance(86_400_000);
}
const FORGERY = await Forgery.of(REPOSITORY);

function runHere(args: readonly string[]) {
  const env = { AGENT_REPOSITORY: FOLDER, AGENT_PASSWORD: PASSWORD };
  return runInProcess(args, { env, world: { ...fakeWorld("command line"), randomBytes: systemRandomBytes } });
}

/** What changes nothing. */
const COMMANDS: readonly (readonly string[])[] = [
  ["ls"],
  ["ls", "--json"],
  ["status"],
  ["status", "--json"],
  ["status", "--format", "twindb"],
  ["show", "shop"],
  ["show", "shop", "--json"],
  ["chain", "shop"],
  ["chain", "shop", "--all", "--json"],
  ["get", "shop", "--no-lock"],
  ["check", "--no-lock"],
  ["check", "--no-lock", "--json"],
  ["prune", "--dry-run"],
  ["forget", "--keep-last", "1", "--dry-run"],
  ["rm", "shop@latest", "--dry-run"],
  ["repair", "index", "--dry-run"],
  ["repair", "snapshots", "--dry-run", "--forget"],
  ["key", "list"],
];

/** Threads cost time: these run after every few changes. */
const SLOW_COMMANDS: readonly (readonly string[])[] = [
  ["verify", "shop"],
  ["check", "--no-lock", "--read-data"],
  ["repair", "packs", "--dry-run"],
  ["repair", "index", "--dry-run", "--read-all-packs"],
];

const ROUNDS = Number(Deno.env.get("AGENT_FUZZ_ROUNDS") ?? 5);
const EVERY = 8;

/** What a repository that holds rubbish may end with; 0 where the rubbish is in nobody's way. */
const EXIT_CODES: readonly ExitCode[] = [
  ExitCode.done,
  ExitCode.usage,
  ExitCode.integrity,
  ExitCode.noRepository,
  ExitCode.locked,
  ExitCode.wrongPassword,
];

for (const [number, kind] of FORGED_KINDS.entries()) {
  Deno.test(`a ${kind} of any content makes no command fail but with a line that says so`, async () => {
    const random = randomNumbers(20260101 + number);
    for (let round = 0; round < ROUNDS; round++) {
      let forged = "";
      await FORGERY.forge(kind, (text) => forged = mutate(text, random));
      try {
        const commands = round % EVERY === 0 ? [...COMMANDS, ...SLOW_COMMANDS] : COMMANDS;
        for (const args of commands) {
          const { exitCode, stderr } = await runHere(args);
          const where = `round ${round}, agent ${args.join(" ")}: ${stderr.slice(0, 2000)}\nof ${
            forged.slice(0, 1500)
          }`;
          assert.doesNotMatch(stderr, /fault of the program/, where);
          assert.ok(EXIT_CODES.includes(exitCode), `exit code ${exitCode}, ${where}`);
        }
      } finally {
        await FORGERY.mend();
      }
    }
    assert.equal((await runHere(["check", "--no-lock"])).exitCode, ExitCode.done, "mended");
    assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  });
}
