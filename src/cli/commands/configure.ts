/** `agent configure`: asks its way through repository, password, rotation and a first backup, and writes agent.toml. */
import { dirname } from "node:path/posix";
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { AgentError, systemReason, UsageError } from "../../base/errors.ts";
import { ownConfigurationPath } from "../../config/find_configuration.ts";
import { parseConfiguration } from "../../config/parse/parse_configuration.ts";
import { trustedPath } from "../../config/trusted_file.ts";
import { ConfigurationDraft } from "../configure/configuration_file.ts";
import { configure, configureRotation, type Dialogue } from "../configure/dialogue.ts";
import { furtherSettings, knownAddress, knownRotation } from "../configure/known_settings.ts";
import { absolutePath, type Home } from "../configure/place.ts";
import { makeRepository, repositoryTrial, withAnswer } from "../configure/repository_maker.ts";
import type { CliContext } from "../context.ts";
import { type RepositoryOptions, withRepositoryOptions } from "../options/repository_options.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";

const NOTES: HelpNotes = {
  about: [
    "Asks where the repository is and how its password is found, and tries both; then what a rotation keeps, and what is " +
    "to be backed up first. At the end it makes the repository if there is none, and writes the configuration file: " +
    "the one that --config names, else agent.toml in ~/.config/agent. Until then nothing is written. A file that is there " +
    "keeps everything else that it says, and a copy of it is kept.",
    "Options about the repository's server, such as --cacert and --option, go into the file as well.",
  ],
  examples: [["agent configure"], ["agent configure rotation", "what a rotation keeps, and nothing else"]],
};

/** The specification of the command itself. */
function specification() {
  const command = new Command("configure")
    .description("ask for a repository, a rotation and a first backup, and write the configuration file")
    .option("--config <file>", "the configuration file")
    .addHelpText("after", helpNotes(NOTES));
  return withRepositoryOptions(command);
}

/** The specification of `agent configure rotation`. */
function rotationSpecification() {
  const command = new Command("rotation").description("ask what a rotation keeps, and write it into the file")
    .option("--config <file>", "the configuration file");
  return withRepositoryOptions(command);
}

type ConfigureOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function configureCommand(context: CliContext): CommandUnknownOpts {
  const rotation = rotationSpecification().action((options, self) => runRotation(allOptions(self, options), context));
  return specification()
    .action((options, self) => run(allOptions(self, options), context))
    .addCommand(rotation);
}

async function run(options: ConfigureOptions, context: CliContext): Promise<void> {
  const { dialogue, configuration, home } = await openDialogue(options, context);
  const settings = furtherSettings(configuration, options, home);
  const { repository, firstBackup } = await configure({
    ...dialogue,
    trial: repositoryTrial(options, context),
    make: (answer) => makeRepository(answer, options, context),
    findPath,
    ground: { ...home, folder: dirname(dialogue.file.path) },
    url: options.repo ?? knownAddress(configuration),
    settings,
  });
  if (firstBackup === undefined) return;
  const { putCommand } = await import("./put.ts");
  const args = [firstBackup.series, firstBackup.path, ...argumentsOf(withAnswer(options, repository))];
  await putCommand(context).parseAsync(args, { from: "user" });
}

async function runRotation(options: ConfigureOptions, context: CliContext): Promise<void> {
  await configureRotation((await openDialogue(options, context)).dialogue);
}

/** What both dialogues begin with. Throws `UsageError` if there is nobody to ask, or no place for the file. */
async function openDialogue(options: ConfigureOptions, context: CliContext) {
  const { prompter, stdin, stderr, env, world } = context;
  if (prompter === undefined || !stdin.isTerminal || !stderr.isTerminal) {
    throw new UsageError(
      'This command asks questions, and there is no terminal: write the file by hand; "agent config example" shows one',
    );
  }
  const home: Home = { directory: Deno.cwd(), home: env("HOME") || undefined };
  const path = filePath(options, context, home);
  await refuseForeignFolder(dirname(path));
  const file = await ConfigurationDraft.read(path, world.randomBytes);
  const configuration = file.text === undefined ? undefined : parseConfiguration(file.text, path);
  const dialogue: Dialogue = {
    prompter: await prompter(),
    file,
    check: (text) => void parseConfiguration(text, path),
    rotation: knownRotation(configuration),
  };
  return { dialogue, configuration, home };
}

/** Where the file is, or is to be. Throws `UsageError` if that is not known. */
function filePath({ config }: ConfigureOptions, { env }: CliContext, home: Home): string {
  const named = config ?? (env("AGENT_CONFIG") || undefined);
  if (named !== undefined) return absolutePath(named, home);
  const own = ownConfigurationPath({ env });
  if (own !== undefined) return own;
  throw new UsageError("There is no home directory for the file: name it with --config FILE");
}

/** Throws `UsageError` if the file would not be trusted in a folder, because others may write there. */
async function refuseForeignFolder(folder: string): Promise<void> {
  try {
    await trustedPath(folder, { what: "folder of the configuration", kind: "folder" }, { uid: Deno.uid() });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw asAgentError(folder, error);
    // What is missing is made with the file.
    await refuseForeignFolder(dirname(folder));
  }
}

/** Throws `AgentError` if there is nothing at a path that could be backed up. */
async function findPath(path: string): Promise<void> {
  try {
    await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new UsageError(`There is nothing at "${path}"`, { cause: error });
    throw asAgentError(path, error);
  }
}

function asAgentError(path: string, error: unknown): AgentError {
  if (error instanceof AgentError) return error;
  return new AgentError(`Cannot look at "${path}": ${systemReason(error)}`, { cause: error });
}

/** The options of a repository as `agent put` takes them. */
function argumentsOf(options: RepositoryOptions): string[] {
  const { repo, passwordFile, passwordCommand, cacert, tlsClientCert, insecureTls, option = [] } = options;
  const named = { repo, "password-file": passwordFile, "password-command": passwordCommand, cacert };
  return [
    ...Object.entries({ ...named, "tls-client-cert": tlsClientCert }).flatMap(([name, value]) =>
      value === undefined ? [] : [`--${name}=${value}`]
    ),
    ...insecureTls ? ["--insecure-tls"] : [],
    ...option.map((text) => `--option=${text}`),
  ];
}
