/** `agent key`: which passwords open the repository. */
import { Command } from "commander";
import { type Id, shortId } from "../../base/id.ts";
import { timestampToDate } from "../../format/time.ts";
import { keyAdd, keyChange, keyList, keyRemove, type KeyRow } from "../../ops/keys.ts";
import { allOptions } from "../options/all_options.ts";
import type { CliContext } from "../context.ts";
import { type Column, formatTime, writeJson, writeLine, writeTable } from "../terminal/output.ts";
import { type NextPassword, nextPassword } from "../password/sources.ts";
import { repositoryAccess, type RepositoryOptions, withRepositoryOptions } from "../options/repository_options.ts";
import { keyChangeJson, keyJson } from "../report/json/keys.ts";

interface KeyOptions extends RepositoryOptions {
  readonly newPasswordFile?: string;
}

const NEW_PASSWORD = [
  "--new-password-file <file>",
  "file that holds the new password, or is made with a strong one",
] as const;

/** The command's specification. */
export function keyCommand(context: CliContext): Command {
  return new Command("key")
    .description("list, add, remove or change the passwords that open the repository")
    .addCommand(withRepositoryOptions(
      new Command("list").description("list key files")
        .action((options: KeyOptions, self: Command) => list(allOptions(self, options), context)),
    ))
    .addCommand(withRepositoryOptions(
      new Command("add").description("let one more password open the repository").option(...NEW_PASSWORD)
        .action((options: KeyOptions, self: Command) => add(allOptions(self, options), context)),
    ))
    .addCommand(withRepositoryOptions(
      new Command("remove").description("take a key file away").argument("<id>", "its id or the beginning of it")
        .action((id: string, options: KeyOptions, self: Command) => remove(id, allOptions(self, options), context)),
    ))
    .addCommand(withRepositoryOptions(
      new Command("passwd").description("change the password in use").option(...NEW_PASSWORD)
        .action((options: KeyOptions, self: Command) => change(allOptions(self, options), context)),
    ));
}

async function list(options: KeyOptions, context: CliContext): Promise<void> {
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

async function add(options: KeyOptions, context: CliContext): Promise<void> {
  await report("added", await withNewPassword(keyAdd, options, context), options, context);
}

async function remove(prefix: string, options: KeyOptions, context: CliContext): Promise<void> {
  const id = await keyRemove(repositoryAccess(options, context), { prefix }, context);
  await report("removed", { id, passwordFile: undefined }, options, context);
}

async function change(options: KeyOptions, context: CliContext): Promise<void> {
  await report("changed", await withNewPassword(keyChange, options, context), options, context);
}

/** A key that was made, and the file that was written for its password. */
interface MadeKey {
  readonly id: Id;
  readonly passwordFile: string | undefined;
}

/** The file is written when the repository is open and locked, so that a wrong password leaves none. */
async function withNewPassword(
  use: typeof keyAdd,
  options: KeyOptions,
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
  options: KeyOptions,
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
