/** The command line of `deno task bench`; what it says is in its help. */
import { Argument, Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { join, resolve } from "node:path";
import { DUMP_KINDS, type DumpKind } from "../dumps/kinds.ts";
import { OWN_KINDS } from "./tools/peers.ts";

/** The parts that are measured if none is named. */
const DEFAULT_PARTS = [
  "local",
  "remote",
  "byte",
  "load",
  "prune",
  "list",
  "guard",
  "streams",
  "files",
  "databases",
] as const;
/** The parts that take so much time and room that they are measured only when they are named. */
export const NAMED_PARTS = ["blobs", "space"] as const;
const PARTS = [...DEFAULT_PARTS, ...NAMED_PARTS];
export type Part = (typeof PARTS)[number];

/** The project's folder. */
export const PROJECT = resolve(import.meta.dirname!, "../..");

const PARTS_HELP =
  "local: on this machine's disk; remote: over HTTP; byte: a put of one byte; load: many clients on one " +
  "server; prune: prunes of a million blobs; list: listings of a thousand backups; guard: guards beside digests; " +
  "streams: several at once; files: trees; databases: servers. Only when named, since they take long: blobs: beside " +
  "millions of other blobs; space: sizes of chunks over many nights";

/** Reads the arguments. Ends the process with a message if they are wrong. */
export function parseCommandLine(args: readonly string[]) {
  const program = new Command("bench")
    .description("Compare agent, restic and borg on dumps of two nights: medians and the project's targets.")
    .addArgument(new Argument("[parts...]", PARTS_HELP).choices(PARTS).default([...DEFAULT_PARTS] as const))
    .option("--megabytes <n>", "length of the first dump (10^6 bytes each)", positive, 447)
    .option("--rounds <n>", "how often everything is measured", positive, 5)
    .option("--dumps <kinds>", "kinds of dumps of local and space: shop, wide, log", oneOrMore(DUMP_KINDS))
    .option("--only <kinds>", "which tools take part, for example agent,restic", oneOrMore(OWN_KINDS), OWN_KINDS)
    .option("--agent <file>", "the agent's executable", join(PROJECT, "dist/agent"))
    .option("--peers <dir>", "where a newer restic was unpacked (or RESTIC_NEWEST names its executable)")
    .option("--directory <dir>", "where dumps and repositories are put while it runs")
    .option("--json", "write all measurements to .bench/")
    .option("--strict", "end with exit code 1 if a target is missed")
    .option("--blobs <millions>", "how many other blobs the part blobs makes; 50 take hours and much room", positive, 5)
    .option("--nights <n>", "how many nights the part space has", positive, 30)
    .option("--long <gigabytes>", "instead: one put of that length, to see how much memory it takes", positive)
    .addOption(
      new Option("--content <kind>", "what --long puts").choices(["letters", "random", "dump"]).default("letters"),
    )
    .option("--clients <n>", "how many clients the load consists of", positive, 64)
    .option("--seconds <n>", "how long the load lasts", positive, 60)
    .parse([...args], { from: "user" });
  return { parts: new Set<Part>(program.processedArgs[0]), options: program.opts() };
}

export type Options = ReturnType<typeof parseCommandLine>["options"];

/** The dumps of the comparison with other tools: the shop's and one that is quite different. */
export const COMPARED_DUMPS: readonly DumpKind[] = ["shop", "wide"];

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError("Expected a number above 0.");
  return value;
}

/** Reads a list of some of the names, in their order. */
function oneOrMore<Name extends string>(names: readonly Name[]): (text: string) => readonly Name[] {
  return (text) => {
    const given = text.split(",");
    const unknown = given.find((one) => !names.some((name) => name === one));
    if (unknown !== undefined) throw new InvalidArgumentError(`"${unknown}" is none of ${names.join(", ")}.`);
    return names.filter((name) => given.includes(name));
  };
}
