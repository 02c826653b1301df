/**
 * `deno task quickstart`: builds the agent and shows in under a minute what it does. Two nights of a generated database
 * are backed up and restored byte for byte; a dump that was cut short is refused.
 */
import { Command, InvalidArgumentError } from "@commander-js/extra-typings";
import { join, resolve } from "node:path";
import process from "node:process";
import { ExitCode } from "../src/base/errors.ts";
import { formatSize } from "../src/base/text/size.ts";
import { directorySize } from "./directory_size.ts";
import { Agent, succeeded } from "./quickstart/agent.ts";
import { type Narrator, standardNarrator } from "./quickstart/narrator.ts";
import { cutAfter, NightDump } from "./quickstart/nights.ts";
import { withScratchDirectory } from "./scratch_directory.ts";

/** One night's backup. */
interface Backup {
  readonly id: string;
  readonly bytes: number;
  readonly md5: string;
  /** By how many bytes the repository grew. */
  readonly storedBytes: number;
}

const PROJECT = resolve(import.meta.dirname!, "..");
const SERIES = "prod/shop";

function parseCommandLine() {
  return new Command("quickstart")
    .description("Build the agent, back up and restore two nights of a generated database, and tell what happens.")
    .option("--megabytes <n>", "length of the first night's dump (10^6 bytes each)", positive, 100)
    .option("--agent <file>", "use this executable instead of building one")
    .option("--keep", "leave the repository there to look around")
    .parse(Deno.args, { from: "user" }).opts();
}

type Options = ReturnType<typeof parseCommandLine>;

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError("Expected a number above 0.");
  return value;
}

/** The whole story. Throws if anything is not as expected. */
async function tellStory(options: Options, directory: string, tell: Narrator): Promise<void> {
  const started = performance.now();
  const executable = options.agent === undefined ? await buildAgent(tell) : resolve(options.agent);
  const agent = new Agent(executable, directory);
  await initialise(agent, options, tell);
  const first = await putNight(agent, new NightDump(options.megabytes, 1), tell);
  const second = await putNight(agent, new NightDump(options.megabytes, 2), tell);
  tell.good(`the second night cost ${percent(second.storedBytes, first.storedBytes)} of the first`);
  for (const backup of [first, second]) await restore(agent, backup, tell);
  await refuseTruncated(agent, options.megabytes, tell);
  await check(agent, tell);
  tell.command(`agent chain ${SERIES}`);
  tell.quote(await agent.run("chain", SERIES));

  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  const stored = formatSize(await directorySize(agent.repository));
  tell.say(`\nDone in ${seconds} s: ${formatSize(first.bytes + second.bytes)} of dumps, safe in ${stored}.`);
  if (options.keep) tell.say(`Kept: ${directory} (use the two variables above).`);
}

async function buildAgent(tell: Narrator): Promise<string> {
  tell.command("deno task build");
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "build"],
    cwd: PROJECT,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  if (code !== 0) throw new Error(`"deno task build" failed with exit code ${code}:\n${decoder.decode(stderr)}`);
  tell.quote(decoder.decode(stdout));
  return join(PROJECT, "dist/agent");
}

async function initialise(agent: Agent, { megabytes }: Options, tell: Narrator): Promise<void> {
  tell.command(`export AGENT_REPOSITORY=${agent.repository} AGENT_PASSWORD_FILE=${agent.passwordFile}`);
  tell.command("agent init --new-password-file $AGENT_PASSWORD_FILE");
  await agent.run("init", "--new-password-file", agent.passwordFile);
  tell.good("a repository, encrypted with a password of its own");
  tell.say('\nA generated dump stands in for mysqldump. "dump N" below means');
  tell.say(`  deno run -A scripts/dumps/main.ts --megabytes ${megabytes} --night N`);
  tell.say("From night 1 to night 2, 0.1 % of all rows change and 2 % are appended.");
}

async function putNight(agent: Agent, dump: NightDump, tell: Narrator): Promise<Backup> {
  tell.command(`dump ${dump.night} | agent put ${SERIES}`);
  const before = await directorySize(agent.repository);
  const started = performance.now();
  const id = succeeded(["put", SERIES], await agent.pipe(["put", SERIES], dump.pieces()));
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (!/^[0-9a-f]{8,64}$/.test(id)) throw new Error(`"agent put ${SERIES}" did not print a backup's id but "${id}"`);
  const backup = {
    id,
    bytes: dump.bytes,
    md5: dump.md5(),
    storedBytes: await directorySize(agent.repository) - before,
  };
  tell.good(
    `backup ${shorten(id)}: ${formatSize(backup.bytes)} read in ${seconds} s, ${formatSize(backup.storedBytes)} stored`,
  );
  return backup;
}

async function restore(agent: Agent, { id, md5 }: Backup, tell: Narrator): Promise<void> {
  tell.command(`agent get ${SERIES}@${shorten(id)} | md5sum`);
  const restored = await agent.md5Of("get", `${SERIES}@${shorten(id)}`);
  if (restored !== md5) throw new Error(`Backup ${id} came back with MD5 ${restored} instead of ${md5}`);
  tell.good(`${restored}, as it went in`);
}

async function refuseTruncated(agent: Agent, megabytes: number, tell: Narrator): Promise<void> {
  const bytes = Math.round(megabytes * 0.6) * 1e6;
  const args = ["put", SERIES];
  tell.command(`dump 2 | head -c ${bytes} | agent put ${SERIES}   # mysqldump died halfway`);
  const { exitCode, stderr } = await agent.pipe(args, cutAfter(new NightDump(megabytes, 2).pieces(), bytes));
  if (exitCode !== ExitCode.source) {
    throw new Error(
      `A dump that was cut short ended with exit code ${exitCode} instead of ${ExitCode.source}: ${stderr}`,
    );
  }
  const listed = (await agent.run("ls", SERIES, "--json")).split("\n").length;
  if (listed !== 2) throw new Error(`"agent ls ${SERIES}" lists ${listed} backups instead of 2`);
  tell.quote(stderr);
  tell.good(`refused with exit code ${exitCode}; still 2 backups, both whole`);
}

async function check(agent: Agent, tell: Narrator): Promise<void> {
  tell.command("agent check");
  await agent.run("check");
  tell.good("the repository is sound");
}

function shorten(id: string): string {
  return id.slice(0, 8);
}

function percent(part: number, whole: number): string {
  return `${((part / whole) * 100).toFixed(1)} %`;
}

try {
  const options = parseCommandLine();
  await withScratchDirectory({ prefix: "agent-quickstart-", keep: options.keep }, (directory) => {
    return tellStory(options, directory, standardNarrator());
  });
} catch (error) {
  process.stderr.write(`quickstart: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
