/**
 * Dumps and restores of running servers: by the agent with a URL, by the dump program through a pipe into `zstd -T0`, and
 * by restic, which starts the dump program; and one table of a backup beside all of it. What the server itself takes is
 * in the seconds, but not in the CPU seconds.
 */
import { join } from "node:path";
import { directorySize } from "../../directory_size.ts";
import { DATABASE_SYSTEMS, missingPrograms, type RunningDatabase } from "../made/database_systems.ts";
import { type Invocation, run } from "../tools/invocation.ts";
import { measureWithFile, type Usage } from "../tools/measure.ts";
import type { Peer } from "../tools/peers.ts";
import { alignColumns } from "../result/report.ts";
import { medianAmong, QUANTITIES, rowTitle, unique } from "../result/step_medians.ts";
import type { Verdict } from "../result/targets.ts";
import { rotate } from "../tools/trial.ts";

/** The steps, in this order. Other tools than the agent restore all of a dump, or nothing. */
export const DATABASE_STEPS = ["dump", "dump, 1 % changed", "restore", "one table"] as const;
type DatabaseStep = (typeof DATABASE_STEPS)[number];

type ToolKind = "agent" | "zstd" | "restic";

/** One step of one tool. */
export interface DatabaseSample extends Usage {
  readonly system: string;
  readonly step: DatabaseStep;
  readonly kind: ToolKind;
  readonly tool: string;
  /** By how many bytes what the tool stores grew. */
  readonly bytesAdded: number;
}

interface Request {
  readonly peers: readonly Peer[];
  /** About the bytes of a dump. */
  readonly bytes: number;
  readonly rounds: number;
  /** Must be empty. */
  readonly directory: string;
  /** Receives what is left out, and why. */
  readonly say: (line: string) => void;
}

/** A way to dump and restore. */
interface Tool {
  readonly kind: ToolKind;
  readonly name: string;
  /** Commands that store in `directory`, which exists and is empty. */
  begin(directory: string, server: RunningDatabase): ToolCommands;
}

interface ToolCommands {
  readonly init: Invocation | null;
  readonly dump: Invocation;
  readonly restore: Invocation;
  /** Null if the tool cannot. */
  readonly oneTable: Invocation | null;
}

interface Entrant extends Pick<Tool, "kind" | "name"> {
  readonly directory: string;
  readonly commands: ToolCommands;
}

/** Runs all rounds on a server of each kind. Throws if a tool fails, or restores anything else than it was given. */
export async function measureDatabases(
  { peers, bytes, rounds, directory, say }: Request,
  onSample: (round: number, sample: DatabaseSample) => void,
): Promise<DatabaseSample[]> {
  const tools = await toolsOf(peers, say);
  const samples: DatabaseSample[] = [];
  for (const system of DATABASE_SYSTEMS) {
    const missing = missingPrograms(system);
    if (missing.length > 0) {
      say(`${system.name} is left out: ${missing.join(", ")} are missing`);
      continue;
    }
    await using server = await system.start();
    await server.fill(bytes);
    for (let round = 1; round <= rounds; round++) {
      for await (const sample of measureRound(rotate(tools, round - 1), { server, round, directory })) {
        const named = { system: system.name, ...sample };
        onSample(round, named);
        samples.push(named);
      }
    }
  }
  return samples;
}

async function toolsOf(peers: readonly Peer[], say: (line: string) => void): Promise<Tool[]> {
  const tools: Tool[] = [pipe];
  for (const peer of peers) {
    if (peer.kind === "agent") tools.unshift(agentTool(peer));
    else if (peer.kind === "restic" && await startsCommands(peer)) tools.push(resticTool(peer));
    else say(`${peer.name} is left out: it starts no dump programs`);
  }
  return tools;
}

/** Whether a restic has `--stdin-from-command`, as it has since 0.17. */
async function startsCommands(peer: Peer): Promise<boolean> {
  const [executable] = peer.repository("/nonexistent").init.argv;
  return (await run({ argv: [executable!, "backup", "--help"], env: {} })).includes("--stdin-from-command");
}

function agentTool(peer: Peer): Tool {
  return {
    kind: "agent",
    name: peer.name,
    begin(directory, server) {
      const { init, put, get } = peer.repository(directory);
      const into = ["--into", server.url("copy")];
      const adding = ({ argv, env }: Invocation, ...args: readonly string[]) => ({ argv: [...argv, ...args], env });
      return {
        init,
        dump: adding(put(1), server.url("shop")),
        restore: adding(get(1), ...into),
        oneTable: adding(get(1), "--table", server.oneTable, ...into),
      };
    },
  };
}

const pipe: Tool = {
  kind: "zstd",
  name: "zstd -T0",
  begin(directory, server) {
    const file = join(directory, "dump.zst");
    return {
      init: null,
      dump: shell('file=$0; "$@" | zstd -T0 -q -f -o "$file"', file, server.dump),
      restore: shell('zstd -dcq "$0" | "$@"', file, server.load),
      oneTable: null,
    };
  },
};

function resticTool(peer: Peer): Tool {
  return {
    kind: "restic",
    name: peer.name,
    begin(directory, server) {
      const { init, get } = peer.repository(directory);
      const { argv: [executable], env } = init;
      const backup = [executable!, "backup", "--quiet", "--stdin-filename", "shop.sql", "--stdin-from-command", "--"];
      const dumping = get(1).argv.map((word) => `'${word}'`).join(" ");
      return {
        init,
        dump: { argv: [...backup, ...server.dump], env },
        restore: { ...shell(`${dumping} | "$@"`, "restore", server.load), env },
        oneTable: null,
      };
    },
  };
}

/** A command line in which `$0` is `first`, and `"$@"` a program with its arguments. */
function shell(line: string, first: string, program: readonly string[]): Invocation {
  return { argv: ["/bin/bash", "-c", `set -o pipefail; ${line}`, first, ...program], env: {} };
}

interface Round {
  readonly server: RunningDatabase;
  readonly round: number;
  readonly directory: string;
}

async function* measureRound(
  tools: readonly Tool[],
  { server, round, directory }: Round,
): AsyncGenerator<Omit<DatabaseSample, "system">, void, void> {
  const entrants: Entrant[] = [];
  for (const { kind, name, begin } of tools) {
    const own = join(directory, name.replaceAll(/[^\w.]+/g, "-"));
    await Deno.mkdir(own);
    entrants.push({ kind, name, directory: own, commands: begin(own, server) });
  }
  for (const { commands: { init } } of entrants) if (init !== null) await run(init);
  for (const step of DATABASE_STEPS) {
    if (step === "dump, 1 % changed") await server.change(round);
    for (const { kind, name, directory, commands } of entrants) {
      const command = commandFor(step, commands);
      if (command === null) continue;
      const isDump = step.startsWith("dump");
      // The file of a pipe is written anew.
      const before = kind === "zstd" ? 0 : await directorySize(directory);
      if (!isDump) await server.emptyCopy();
      await run({ argv: ["sync"], env: {} });
      const usage = await measureWithFile(command, "/dev/null", directory);
      const bytesAdded = isDump ? await directorySize(directory) - before : 0;
      if (!isDump && round === 1) await requireSame(server, step, name);
      yield { step, kind, tool: name, ...usage, bytesAdded };
    }
  }
  for (const { directory } of entrants) await Deno.remove(directory, { recursive: true });
}

function commandFor(step: DatabaseStep, { dump, restore, oneTable }: ToolCommands): Invocation | null {
  return step === "restore" ? restore : step === "one table" ? oneTable : dump;
}

/** Throws unless `copy` has the rows of `shop`, or those of the one table. */
async function requireSame(server: RunningDatabase, step: DatabaseStep, tool: string): Promise<void> {
  const all = await server.checksums("shop");
  const name = server.oneTable.split(".").at(-1)!;
  const expected = step === "one table" ? { [name]: all[name] } : all;
  const found = await server.checksums("copy");
  const words = (sums: typeof all) => JSON.stringify(Object.entries(sums).sort());
  if (words(found) === words(expected as typeof all)) return;
  throw new Error(`${tool} restored other rows than it was given: ${words(found)}`);
}

/**
 * A table for each server: a row for each quantity of each step, a column for each tool, medians. Beside those of other
 * tools stands their ratio to the agent's. Beside one table stands its ratio to the whole restore.
 */
export function formatDatabases(samples: readonly DatabaseSample[]): string {
  const agent = agentOf(samples);
  const tools = unique(samples.map(({ tool }) => tool)).sort((a, b) => Number(b === agent) - Number(a === agent));
  return unique(samples.map(({ system }) => system)).map((system) => {
    const cell = (step: DatabaseStep, tool: string, { quantity, show }: (typeof QUANTITIES)[number]) => {
      const value = medianAmong(samples, { system, step, tool }, quantity);
      if (value === undefined) return "-";
      const beside = step === "one table"
        ? medianAmong(samples, { system, step: "restore", tool }, quantity)
        : tool === agent || agent === undefined
        ? undefined
        : medianAmong(samples, { system, step, tool: agent }, quantity);
      return beside === undefined ? show(value) : `${show(value)} (${(value / beside).toFixed(2)}x)`;
    };
    const rows = DATABASE_STEPS.flatMap((step) =>
      QUANTITIES.filter(({ quantity }) => step.startsWith("dump") || quantity !== "bytesAdded")
        .map((row) => [
          rowTitle(step, row),
          ...tools.map((tool) => cell(step, tool, row)),
        ])
    );
    return alignColumns([[system, ...tools], ...rows]);
  }).join("\n\n");
}

/** One table has a tenth of the rows; to find and to open it takes time, too. */
const MOST_FOR_ONE_TABLE = 1 / 3;

/** The targets: no slower than restic, and one table much faster than all of them. The pipe keeps no history. */
export function judgeDatabases(samples: readonly DatabaseSample[]): Verdict[] {
  const agent = agentOf(samples);
  if (agent === undefined) return [];
  const others = unique(samples.filter(({ kind }) => kind === "restic").map(({ tool }) => tool));
  return unique(samples.map(({ system }) => system)).flatMap((system) => {
    const seconds = (step: DatabaseStep, tool: string) => medianAmong(samples, { system, step, tool }, "wallSeconds")!;
    const beside = DATABASE_STEPS.filter((step) => step !== "one table").flatMap((step) =>
      others.map((tool) => {
        const ratio = seconds(step, tool) / seconds(step, agent);
        const target = `${system}, ${step}: no slower than ${tool}`;
        return { target, measured: `${ratio.toFixed(2)}x`, met: ratio >= 1 };
      })
    );
    const share = seconds("one table", agent) / seconds("restore", agent);
    const target = `${system}, one table: at most ${MOST_FOR_ONE_TABLE.toFixed(2)} of a whole restore`;
    return [...beside, { target, measured: share.toFixed(2), met: share <= MOST_FOR_ONE_TABLE }];
  });
}

function agentOf(samples: readonly DatabaseSample[]): string | undefined {
  return samples.find(({ kind }) => kind === "agent")?.tool;
}
