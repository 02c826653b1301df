/** The run of commands that make a signed URL: it alone goes to standard output, and what it gives to standard error. */
import { shortId } from "../base/id.ts";
import { quoteByteString } from "../format/byte_string.ts";
import { type BackupUrl, urlOfBackup } from "../library/urls/url_of_backup.ts";
import type { MeantPart } from "../library/urls/url_target.ts";
import type { RepositoryAccess } from "../ops/access.ts";
import type { CliContext } from "./context.ts";
import { urlChoices } from "./options/url_options.ts";
import { urlJson } from "./report/json/url_json.ts";
import { formatTime, writeJson, writeLine } from "./terminal/write.ts";

/** The options that a run uses. */
interface UrlRunOptions extends MeantPart {
  readonly expires?: string;
  readonly gateway?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** What a run needs besides its options. */
interface UrlRun {
  readonly access: RepositoryAccess;
  /** `SERIES@SELECTOR` or `@ID`. */
  readonly selector: string;
  /** What the URL gives, for people; by default what it names. */
  readonly what?: string;
}

/** Makes a URL and prints it. Throws what `urlOfBackup` throws. */
export async function runUrl({ access, selector, what }: UrlRun, options: UrlRunOptions, context: CliContext) {
  const { stdout, stderr, world, signal } = context;
  const { file, table, json, quiet } = options;
  const request = { selector, file, table, ...urlChoices(options, context) };
  const made = await urlOfBackup(request, { access, world, host: world.identity.hostname, signal });
  if (json) return await writeJson(stdout, urlJson(made));
  await writeLine(stdout, made.url);
  if (quiet) return;
  await writeLine(stderr, `It gives ${what ?? given(made)} to whoever has it, until ${formatTime(made.expires)}`);
}

/** What a URL gives, for people. */
function given({ kind, path, backup: { series, id } }: BackupUrl): string {
  const of = `of ${series}@${shortId(id)}`;
  if (kind === "backup") return `all ${of}, as ${path}`;
  return `the ${kind} ${quoteByteString(path)} ${of}`;
}
