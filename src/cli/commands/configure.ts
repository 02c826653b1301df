/** `agent configure`: asks its way through repository, password, rotation and a first backup, and writes agent.toml. */
import { dirname } from "node:path/posix";
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { AgentError, systemReason, UsageError } from "../../base/errors.ts";
import { ownConfigurationPath } from "../../config/find_configuration.ts";
import { parseConfiguration } from "../../config/parse/parse_configuration.ts";
import { type TrustedOwner, trustedPath } from "../../config/trusted_file.ts";
import { ConfigurationDraft, withAnswers } from "../configure/configuration_file.ts";
import { configure, configureRotation, type Dialogue } from "../configure/dialogue.ts";
import { furtherSettings, knownAddress, knownPassword, knownRotation } from "../configure/known_settings.ts";
import { absolutePath, type Home } from "../configure/place.ts";
import { makeRepository, namingOptions, repositoryTrial, type TrialGround } from "../configure/repository_maker.ts";
import type { CliContext } from "../context.ts";
import { NETWORK_OPTIONS } from "../options/network_options.ts";
import { givenText } from "../settings/origin.ts";
import { variableFor } from "../settings/variables.ts";
import { allOptions, type OptionsOf, withOptions } from "../specification.ts";
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
    .addHelpText("after", helpNotes(NOTES));
  return withOptions(command, NETWORK_OPTIONS);
}

/** The specification of `agent configure rotation`. */
function rotationSpecification() {
  return new Command("rotation").description("ask what a rotation keeps, and write it into the file");
}

type ConfigureOptions = OptionsOf<typeof specification>;

/** The command, to be run in `context`. */
export function configureCommand(context: CliContext): CommandUnknownOpts {
  const rotation = rotationSpecification().action((_, self) => runRotation(self, context));
  return specification()
    .action((options, self) => run(allOptions(self, options), self, context))
    .addCommand(rotation);
}

async function run(options: ConfigureOptions, self: CommandUnknownOpts, context: CliContext): Promise<void> {
  const { dialogue, configuration, home, path } = await openDialogue(self, context);
  const settings = furtherSettings(configuration, options, home);
  const password = knownPassword(configuration);
  const ground: TrialGround = {
    options,
    context,
    configurationWith: (repository) =>
      parseConfiguration(withAnswers(dialogue.file.text ?? "", { repository, settings }), path),
  };
  const { repository, firstBackup } = await configure({
    ...dialogue,
    trial: repositoryTrial(ground),
    make: (answer) => makeRepository(answer, ground),
    findPath,
    ground: { ...home, folder: dirname(path), ...password && { password } },
    url: knownAddress(configuration),
    settings,
  });
  if (firstBackup === undefined) return;
  const { repo, passwordFile, passwordCommand } = namingOptions(repository.password);
  const named = { config: path, repo, "password-file": passwordFile, "password-command": passwordCommand };
  const given = Object.entries(named).flatMap(([name, value]) => value === undefined ? [] : [`--${name}=${value}`]);
  await context.follow!(["put", firstBackup.series, firstBackup.path, ...given]);
}

async function runRotation(self: CommandUnknownOpts, context: CliContext): Promise<void> {
  await configureRotation((await openDialogue(self, context)).dialogue);
}

/** What both dialogues begin with. Throws `UsageError` if there is nobody to ask, or no place for the file. */
async function openDialogue(self: CommandUnknownOpts, context: CliContext) {
  const { prompter, stdin, stderr, env, world, configurationMachine: machine } = context;
  if (prompter === undefined || machine === undefined || !stdin.isTerminal || !stderr.isTerminal) {
    throw new UsageError(
      'This command asks questions, and there is no terminal: write the file by hand; "agent config example" shows one',
    );
  }
  const home: Home = { directory: machine.directory(), home: env("HOME") || undefined };
  const path = filePath(self, context, home);
  await refuseForeign(path, "file", machine);
  const file = await ConfigurationDraft.read(path, {
    uid: machine.uid,
    now: () => world.clock.now(),
    randomBytes: world.randomBytes,
  });
  const configuration = file.text === undefined ? undefined : parseConfiguration(file.text, path);
  const dialogue: Dialogue = {
    prompter: await prompter(),
    file,
    check: (text) => void parseConfiguration(text, path),
    overriding: ["repo", "password-file"].flatMap((name) => variableFor(name, context) ?? []),
    rotation: knownRotation(configuration),
  };
  return { dialogue, configuration, home, path };
}

/** Where the file is, or is to be. Throws `UsageError` if that is not known. */
function filePath(self: CommandUnknownOpts, { env }: CliContext, home: Home): string {
  const named = givenText(self, "config") ?? (env("AGENT_CONFIG") || undefined);
  if (named !== undefined) return absolutePath(named, home);
  const own = ownConfigurationPath({ env });
  if (own !== undefined) return own;
  throw new UsageError("There is no home directory for the file: name it with --config FILE");
}

/** Throws `UsageError` if the file at a path is not trusted, or would not be in its folder: others may write there. */
async function refuseForeign(path: string, kind: "file" | "folder", owner: TrustedOwner): Promise<void> {
  const what = kind === "file" ? "configuration file" : "folder of the configuration file";
  try {
    await trustedPath(path, { what, kind }, owner);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw asAgentError(path, error);
    // What is missing is made with the file.
    await refuseForeign(dirname(path), "folder", owner);
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
