/**
 * Writes a database dump, or noise, to standard output.
 *
 *     deno run -A scripts/dumps/main.ts --megabytes 100 --night 2 > night-2.sql
 *     deno run -A scripts/dumps/main.ts --content letters | head -c 20G | agent put endless
 */
import { Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import process from "node:process";
import { DEFAULT_DUMP, generateDump } from "./dump.ts";
import { generateKind } from "./kinds.ts";
import { generateNoise } from "./noise.ts";

const DEFAULT_MEGABYTES = 100;

/** The command line; what it says is in its help. */
function parseCommandLine() {
  const program = new Command("dumps")
    .description("Write a generated database dump to standard output; equal options give equal bytes.")
    .option("--megabytes <n>", "length of the first night (10^6 bytes each); noise goes on for ever without", positive)
    .addOption(
      new Option(
        "--content <kind>",
        "the SQL dump of a shop, a wide table of texts, a log, incompressible bytes, or letters that compress to half",
      ).choices(["dump", "wide", "log", "random", "letters"]).default("dump"),
    )
    .option("--night <n>", "which night's dump", whole, DEFAULT_DUMP.night)
    .option("--changed <share>", "share of the rows of the shop changed each night", share, DEFAULT_DUMP.changed)
    .option("--appended <share>", "share of rows appended to the shop each night", share, DEFAULT_DUMP.appended)
    .option("--seed <n>", "another database", whole, DEFAULT_DUMP.seed)
    .addOption(
      new Option("--flavour <program>", "which program's dump of the shop").choices(["mysql", "mariadb"]).default(
        "mysql",
      ),
    );
  return program.parse(Deno.args, { from: "user" }).opts();
}

type Options = ReturnType<typeof parseCommandLine>;

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError("Expected a number above 0.");
  return value;
}

function whole(text: string): number {
  const value = positive(text);
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError("Expected a whole number above 0.");
  return value;
}

function share(text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError("Expected a share from 0 to 1, for example 0.001.");
  return value;
}

/** The bytes that the options describe. */
function generate(options: Options): Iterable<Uint8Array> {
  const { content, megabytes, seed, ...change } = options;
  const bytes = (megabytes ?? DEFAULT_MEGABYTES) * 1e6;
  if (content === "dump") return generateDump({ ...change, seed, bytes });
  if (content === "wide" || content === "log") return generateKind(content, { bytes, night: change.night, seed });
  return generateNoise(content, seed, (megabytes ?? Infinity) * 1e6);
}

/** Writes all pieces. A reader that stops early, like `head`, ends it without a message. */
function writeAll(pieces: Iterable<Uint8Array>): void {
  try {
    for (const piece of pieces) {
      for (let written = 0; written < piece.length;) written += Deno.stdout.writeSync(piece.subarray(written));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    process.exitCode = 1;
  }
}

writeAll(generate(parseCommandLine()));
