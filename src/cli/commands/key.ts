/** `agent key`: manages the passwords that open the repository. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { type Id, shortId } from "../../base/id.ts";
import { timestampToDate } from "../../format/time.ts";
import { keyAdd, keyChange, keyList, keyRemove, type KeyRow } from "../../ops/keys.ts";
import { allOptions, type OptionsOf } from "../specification.ts";
import type { CliContext } from "../context.ts";
import { helpNotes } from "../terminal/help_text.ts";
import { type Column, formatTime, writeJson, writeLine, writeTable } from "../terminal/write.ts";
import { type NextPassword, nextPassword } from "../password/sources.ts";
import { repositoryAccess, type RepositoryOptions, withRepositoryOptions } from "../options/repository_options.ts";
import { keyChangeJson, keyJson } from "../report/json/keys_json.ts";

/** The specification of a command that takes a new password. */
function newPasswordSpecification(name: string, description: string, example: string) {
  const command = new Command(name)
    .description(description)
    .option("--new-password-file <file>", "file that holds the new password, or is made with a strong one")
    .addHelpText("after", helpNotes({ examples: [[example]] }));
  return withRepositoryOptions(command);
}

type NewPasswordOptions = OptionsOf<typeof newPasswordSpecification>;

/** The command, to be run in `context`. */
export function keyCommand(context: CliContext): CommandUnknownOpts {
  const listing = withRepositoryOptions(new Command("list").description("list key files"))
    .action((options, self) => list(allOptions(self, options), context));
  const adding = newPasswordSpecification(
    "add",
    "let one more password open the repository",
    "agent key add --new-password-file /etc/agent.second",
  )
    .action((options, self) => add(allOptions(self, options), context));
  const removal = withRepositoryOptions(
    new Command("remove").description("remove a key file").argument("<id>", "its id or the beginning of it")
      .addHelpText(
        "after",
        helpNotes({ examples: [["agent key remove 1f2e3d4c", "an id that agent key list shows"]] }),
      ),
  )
    .action((id, options, self) => remove(id, allOptions(self, options), context));
  const changing = newPasswordSpecification(
    "passwd",
    "change the password in use",
    "agent key passwd --new-password-file /etc/agent.next",
  )
    .action((options, self) => change(allOptions(self, options), context));
  return new Command("key")
    .description("list, add, remove or change the passwords that open the repository")
    .addCommand(listing)
    .addCommand(adding)
    .addCommand(removal)
    .addCommand(changing);
}

async function list(options: RepositoryOptions, context: CliContext): Promise<void> {
  const keys = await keyList(repositoryAccess(options, context), context);
  if (options.json) {
    for (const key of keys) await writeJson(context.stdout, keyJson(key));
    return;
  }
  await writeTable(context.stdout, COLUMNS, keys.map(row));
}

const COLUMNS: readonly Column[] = [
  { title: "", align: "left" },
  { title: "ID", align: "left" },
  { title: "USER", align: "left", kind: "name" },
  { title: "HOST", align: "left", kind: "name" },
  { title: "CREATED", align: "left" },
];

function row({ id, username, hostname, created, isCurrent }: KeyRow): string[] {
  const time = formatTime(timestampToDate(created));
  return [isCurrent ? "*" : "", shortId(id), username, hostname, time];
}

async function add(options: NewPasswordOptions, context: CliContext): Promise<void> {
  await report("added", await withNewPassword(keyAdd, options, context), options, context);
}

async function remove(prefix: string, options: RepositoryOptions, context: CliContext): Promise<void> {
  const id = await keyRemove(repositoryAccess(options, context), { prefix }, context);
  await report("removed", { id, passwordFile: undefined }, options, context);
}

async function change(options: NewPasswordOptions, context: CliContext): Promise<void> {
  await report("changed", await withNewPassword(keyChange, options, context), options, context);
}

/** A new key, and the file that its password was written to. */
interface MadeKey {
  readonly id: Id;
  readonly passwordFile: string | undefined;
}

/**
 * Makes a key with a new password. The file is written only after the repository is open and locked, so that a wrong
 * password leaves no file behind.
 */
async function withNewPassword(
  use: typeof keyAdd,
  options: NewPasswordOptions,
  context: CliContext,
): Promise<MadeKey> {
  let password: NextPassword | undefined;
  const ask = async () => password = await nextPassword(options.newPasswordFile, context);
  try {
    const id = await use(repositoryAccess(options, context), { newPassword: ask }, context);
    return { id, passwordFile: password?.path };
  } catch (error) {
    throw password?.explain?.(error) ?? error;
  }
}

async function report(
  what: "added" | "changed" | "removed",
  { id, passwordFile }: MadeKey,
  options: RepositoryOptions,
  { stdout, stderr }: CliContext,
): Promise<void> {
  if (options.json) await writeJson(stdout, keyChangeJson(what, id, passwordFile));
  else if (!options.quiet) {
    await writeLine(stderr, `Key ${shortId(id)} ${what === "changed" ? "is the new one in use" : what}`);
    if (passwordFile !== undefined) {
      await writeLine(stderr, `Its password is in ${passwordFile}; keep a copy elsewhere`);
    }
  }
}
