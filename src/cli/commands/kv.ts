/** `agent kv`: values under keys. */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { UsageError } from "../../base/errors.ts";
import { formatSize } from "../../base/text/size.ts";
import type { Backup } from "../../backup/backup.ts";
import { parseSelector, UnknownSeriesError } from "../../backup/naming/selector.ts";
import { exactJson, strictJsonText } from "../../format/json/strict_json.ts";
import { seriesOfKey } from "../../format/manifest/key_series.ts";
import { beginAll, performActions, reportDone } from "../../library/events/told_action.ts";
import { type ValueContent, ValueSealer } from "../../library/values/protected_value.ts";
import { contentOfValue, openStored, valueOfContent, valueToSet } from "../../library/values/stored_form.ts";
import { deleteValue } from "../../ops/values/delete_value.ts";
import { getValue } from "../../ops/values/get_value.ts";
import { listValues, listVersions } from "../../ops/values/list_values.ts";
import { setValues } from "../../ops/values/set_values.ts";
import { MOST_VALUE_BYTES, type StoredValue } from "../../ops/values/value.ts";
import type { CliContext } from "../context.ts";
import { repositoryAccess, type RepositoryOptions, withRepositoryOptions } from "../options/repository_options.ts";
import {
  configuredValuePassword,
  VALUE_PASSWORD_OPTIONS,
  type ValuePasswordOptions,
} from "../password/value_password.ts";
import { throwFirstDamage } from "../report/failure_report.ts";
import { changedValueJson, listedKeyJson, valueJson, valueVersionJson } from "../report/json/values/values_json.ts";
import { withUrlOptions } from "../options/url_options.ts";
import { writeKeys, writeVersions } from "../report/values/value_tables.ts";
import { allOptions, type OptionsOf, withOptions } from "../specification.ts";
import { writeToReader } from "../standard_output.ts";
import { looksBinary } from "../terminal/binary.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { formatCount, writeExact, writeJson, writeJsonLines, writeLine } from "../terminal/write.ts";
import { readValues } from "../options/value_input.ts";
import { runUrl } from "./url.ts";

const NOTES: HelpNotes = {
  about: [
    "A key is any text, such as app/config; a value is JSON, a text or bytes of up to 64 MiB. Each key is a series of its " +
    "own, kv/ and the key, and each value that is set a backup of it: agent ls, get, show, copy, hold and rm take it as " +
    "such. Policies and agent status leave values out unless they name them.",
    "What stands in arguments is seen by other users of the machine: pipe secrets into the command.",
  ],
  examples: [
    ["agent kv set app/config '{\"port\": 8080}'"],
    ["agent kv get app/config"],
    ["agent kv get app/config@2026-08-30", "the value at the end of that day"],
    ["agent kv set --all settings.json", "an object of keys and values, in one commit"],
    ["agent kv ls app/"],
  ],
};

function setting() {
  const command = new Command("set")
    .description("set the value of a key, or of many")
    .usage("[options] KEY [VALUE] | [options] --all FILE")
    .argument("[key]", "which key, such as app/config")
    .argument("[value]", "JSON; by default it is read from standard input")
    .option("--string", "take the value as text, not as JSON")
    .option("--bytes", "take what is read as it is, whatever it is")
    .option("--file <file>", "read the value from this file")
    .option("--all <file>", "set all keys and values of this JSON object in one commit; - for standard input")
    .option("--no-compress", "do not compress the value")
    .addHelpText(
      "after",
      helpNotes({
        about: [
          "With a password of its own, a value cannot be read by those who have only the repository's. It is sealed with " +
          "Argon2id and AES-256-GCM, and nobody can read it once that password is lost.",
        ],
        examples: [
          ["agent kv set app/port 8080"],
          ["agent kv set app/motto --string 'carpe diem'"],
          ["agent kv set app/token --string --value-password-file /etc/agent.values < token"],
          ["agent kv set app/logo --bytes --file logo.png"],
        ],
      }),
    );
  return withRepositoryOptions(withOptions(command, VALUE_PASSWORD_OPTIONS));
}

function getting() {
  const command = new Command("get")
    .description("print the value of a key")
    .usage("[options] KEY[@SELECTOR]")
    .argument("<key>", "which key; behind an @, which version: an id or a time, as agent get --help tells")
    .option("--default <json>", "what to print if there is no such key; by default, the exit code is 2")
    .option("--raw", "print a JSON text without quotes, and nothing behind the value")
    .option("--no-lock", "take no lock: for stores that cannot be written to")
    .addHelpText(
      "after",
      helpNotes({
        about: [
          "An @ in a key begins a version only if an id, a time or latest follows: write me@2026@latest for a key " +
          "me@2026. A value with a password of its own needs that, and no other takes one.",
        ],
        examples: [
          ["agent kv get app/config"],
          ["agent kv get app/motto --raw"],
          ["agent kv get app/port --default 80"],
          ["agent kv get app/logo > logo.png"],
        ],
      }),
    );
  return withRepositoryOptions(withOptions(command, VALUE_PASSWORD_OPTIONS));
}

function listing() {
  return withRepositoryOptions(
    new Command("ls").description("list keys").argument("[prefix]", "only keys that begin so; all by default"),
  );
}

function removing() {
  return withRepositoryOptions(
    new Command("rm").description("remove keys with all their versions; a prune frees what only they used")
      .argument("<key...>", "which keys, by their whole names"),
  );
}

function showingHistory() {
  return withRepositoryOptions(
    new Command("history").description("list the versions of a key").argument("<key>", "which key"),
  );
}

function addressing() {
  const command = new Command("url")
    .description("make a URL that expires, at which a gateway gives the value of a key")
    .usage("[options] KEY[@SELECTOR]")
    .argument("<key>", "which key; behind an @, which version, as agent kv get takes it")
    .addHelpText(
      "after",
      helpNotes({
        about: [
          "The URL gives the value that the key has at this moment, to whoever has the URL: hand it on like a password. " +
          "A value with a password of its own is given as it is stored. agent url --help tells more.",
        ],
        examples: [["agent kv url app/logo --expires 60s"]],
      }),
    );
  return withRepositoryOptions(withUrlOptions(command));
}

/** The command, to be run in `context`. */
export function kvCommand(context: CliContext): CommandUnknownOpts {
  return new Command("kv")
    .description("keep values under keys: JSON, text or bytes")
    .addHelpText("after", helpNotes(NOTES))
    .addCommand(
      setting().action((key, value, options, self) => set(key, value, allOptions(self, options), context)),
    )
    .addCommand(getting().action((key, options, self) => get(key, allOptions(self, options), context)))
    .addCommand(listing().action((prefix, options, self) => list(prefix, allOptions(self, options), context)))
    .addCommand(removing().action((keys, options, self) => remove(keys, allOptions(self, options), context)))
    .addCommand(showingHistory().action((key, options, self) => history(key, allOptions(self, options), context)))
    .addCommand(addressing().action((key, options, self) => address(key, allOptions(self, options), context)));
}

async function set(
  key: string | undefined,
  value: string | undefined,
  options: OptionsOf<typeof setting>,
  context: CliContext,
): Promise<void> {
  const { world, signal } = context;
  const given = await readValues(key, value, options, context);
  const contents = given.map(([key, value]) => ({ key, series: seriesOfKey(key), ...contentOfValue(value) }));
  if (contents.length === 0) throw new UsageError("What --all names is an empty object: there is nothing to set");
  const password = await configuredValuePassword(options, context, { isNew: true });
  const sealer = password && new ValueSealer(password, world);
  const action = { action: "Backup", series: contents.map(({ series }) => series) } as const;
  await performActions(action, context, async (sessions) => {
    const values = contents.map((content) => valueToSet(content.key, content, { compress: options.compress, sealer }));
    const backups = await setValues(repositoryAccess(options, context), await Promise.all(values), {
      world,
      signal,
      begin: () => beginAll(sessions),
      host: world.identity.hostname,
    });
    const told = backups.map((backup, i) => ({ backup, key: contents[i]!.key, session: sessions[i]!.id }));
    await reportSet(told, contents, options, context);
    return backups;
  }, (backups) => backups);
}

async function reportSet(
  told: readonly { readonly backup: Backup; readonly key: string; readonly session: string }[],
  contents: readonly ValueContent[],
  options: RepositoryOptions,
  { stdout, stderr }: CliContext,
): Promise<void> {
  if (options.json) {
    return await writeJsonLines(stdout, told.map(({ backup, ...rest }) => changedValueJson(backup, rest)));
  }
  if (options.quiet) return;
  const size = formatSize(contents.reduce((sum, { content }) => sum + content.length, 0));
  const what = told.length === 1 ? `the value of ${JSON.stringify(told[0]!.key)}` : formatCount(told.length, "value");
  await writeLine(stderr, `Set ${what}, ${size}`);
}

type GetOptions = OptionsOf<typeof getting>;

async function get(text: string, options: GetOptions, context: CliContext): Promise<void> {
  const { world, signal } = context;
  const { key, selector } = versionIn(text);
  const otherwise = options.default === undefined ? undefined : exactJson(options.default, "--default", "write JSON");
  const action = { action: "Restore", series: [seriesOfKey(key)] } as const;
  await performActions(action, context, async ([session]) => {
    const access = repositoryAccess(options, context);
    const stored = await getValue(access, { key, selector, noLock: !options.lock }, { world, signal });
    if (stored !== null) {
      await session!.begin();
      const content = await openStored(stored, await passwordFor(stored, options, context));
      await reportDone(session!, stored.backup, () => print(key, stored, content, options, context));
      return stored.backup;
    }
    if (otherwise === undefined) throw noSuchKey(text);
    await print(key, null, contentOfValue(otherwise), options, context);
    return null;
  }, (backup) => [backup]);
}

/** A key and the version behind its last `@`, if what stands there can mean one. */
function versionIn(text: string): { readonly key: string; readonly selector: string } {
  const at = text.lastIndexOf("@");
  const [key, selector] = [text.slice(0, at), text.slice(at + 1)];
  return at > 0 && isSelector(selector) ? { key, selector } : { key: text, selector: "latest" };
}

function isSelector(text: string): boolean {
  try {
    parseSelector(`any@${text}`);
    return true;
  } catch (error) {
    if (error instanceof UsageError) return false;
    throw error;
  }
}

/** The password of a stored value: configured or, if it needs one, typed. */
async function passwordFor(
  { key, fileName }: StoredValue,
  options: ValuePasswordOptions,
  context: CliContext,
): Promise<Uint8Array | undefined> {
  const configured = await configuredValuePassword(options, context, { isNew: false });
  if (configured !== undefined || fileName !== "value.enc") return configured;
  const shown = JSON.stringify(key);
  const typed = await context.askSecret(`Password of the value of ${shown}: `);
  if (typed !== undefined) return typed;
  throw new UsageError(
    `The value of ${shown} has a password of its own: use --value-password-file or set AGENT_VALUE_PASSWORD`,
  );
}

async function print(
  key: string,
  stored: StoredValue | null,
  content: ValueContent,
  { json, raw }: GetOptions,
  { stdout }: CliContext,
): Promise<void> {
  const value = valueOfContent(key, content);
  if (json) {
    const isProtected = stored?.fileName === "value.enc";
    return await writeJson(stdout, valueJson(key, stored && stored.backup, { value, isProtected }));
  }
  if (value instanceof Uint8Array) {
    if (stdout.isTerminal && looksBinary(value)) {
      throw new UsageError("Refusing to write binary data to a terminal: use a pipe, or > FILE");
    }
    return await writeToReader(stdout, value);
  }
  const text = strictJsonText(value, MOST_VALUE_BYTES);
  if (!raw) return await writeExact(stdout, `${text}\n`);
  if (typeof value === "string" && !value.isWellFormed()) {
    throw new UsageError(
      `The value of ${JSON.stringify(key)} has no UTF-8, half a character is in it: leave --raw out`,
    );
  }
  await writeExact(stdout, typeof value === "string" ? value : text);
}

async function list(
  prefix: string | undefined,
  options: OptionsOf<typeof listing>,
  context: CliContext,
): Promise<void> {
  const request = prefix === undefined ? {} : { prefix };
  const { values, damaged } = await listValues(repositoryAccess(options, context), request, context);
  if (options.json) await writeJsonLines(context.stdout, values.map(listedKeyJson));
  else {
    await writeKeys(context.stdout, values);
    if (values.length === 0 && damaged.length === 0 && !options.quiet) {
      await writeLine(context.stderr, prefix === undefined ? "There are no keys" : "No key begins so");
    }
  }
  throwFirstDamage(damaged);
}

async function remove(keys: readonly string[], options: RepositoryOptions, context: CliContext): Promise<void> {
  const access = repositoryAccess(options, context);
  const all = new Map(keys.map((key) => [key, seriesOfKey(key)]));
  const absent: string[] = [];
  for (const [key, series] of all) {
    await performActions({ action: "Delete", series: [series] }, context, async ([session]) => {
      const { id, begin } = session!;
      const removed = await deleteValue(access, { key }, { world: context.world, signal: context.signal, begin });
      if (removed.length === 0) absent.push(key);
      else await reportDone(session!, removalOf(removed), () => reportRemoved(key, removed, id, options, context));
      return removed;
    }, (removed) => [removed.length === 0 ? null : removalOf(removed)]);
  }
  if (absent.length > 0) throw noSuchKey(...absent);
}

function removalOf(removed: readonly Backup[]): Backup | readonly Backup[] {
  return removed.length === 1 ? removed[0]! : removed;
}

async function reportRemoved(
  key: string,
  removed: readonly Backup[],
  session: string,
  { json, quiet }: RepositoryOptions,
  { stdout, stderr }: CliContext,
): Promise<void> {
  if (json) return await writeJsonLines(stdout, removed.map((backup) => changedValueJson(backup, { key, session })));
  if (!quiet) await writeLine(stderr, `Removed ${JSON.stringify(key)} with ${formatCount(removed.length, "version")}`);
}

async function history(key: string, options: RepositoryOptions, context: CliContext): Promise<void> {
  const { versions, damaged } = await listVersions(repositoryAccess(options, context), { key }, context);
  if (options.json) await writeJsonLines(context.stdout, versions.map((version) => valueVersionJson(version, key)));
  else await writeVersions(context.stdout, versions);
  throwFirstDamage(damaged);
  if (versions.length === 0) throw noSuchKey(key);
}

async function address(text: string, options: OptionsOf<typeof addressing>, context: CliContext): Promise<void> {
  const { key, selector } = versionIn(text);
  const meant = { selector: `${seriesOfKey(key)}@${selector}`, what: `the value of ${JSON.stringify(key)}` };
  try {
    await runUrl({ access: repositoryAccess(options, context), ...meant }, options, context);
  } catch (error) {
    throw error instanceof UnknownSeriesError ? noSuchKey(key) : error;
  }
}

function noSuchKey(...keys: readonly string[]): UsageError {
  const names = keys.map((key) => JSON.stringify(key)).join(", ");
  return new UsageError(`There is no key ${names}; "agent kv ls" lists the keys`);
}
