/** Asks what is to be backed up first. */
import { basename } from "node:path/posix";
import { AgentError } from "../../base/errors.ts";
import { parseNewSeries } from "../../format/manifest/series.ts";
import type { Prompter } from "../terminal/prompter.ts";
import type { FirstBackupAnswer } from "./answers.ts";
import { absolutePath, type Home } from "./place.ts";
import { problemOf, tried } from "./trying.ts";

/** Throws `AgentError` if there is nothing at a path. */
export type FindPath = (path: string) => Promise<void>;

/** Asks for a path and a series; undefined if nothing is to be backed up yet. */
export async function askFirstBackup(
  prompter: Prompter,
  find: FindPath,
  home: Home,
): Promise<FirstBackupAnswer | undefined> {
  for (;;) {
    const typed = await prompter.askText({
      question: "Which file or directory is to be backed up first? Leave it empty for none",
      example: "/etc",
    });
    if (typed === "") return undefined;
    const path = absolutePath(typed, home);
    if (!await tried(prompter, () => find(path).then(() => true))) continue;
    const series = await prompter.askText({
      question: "Under which name do its backups follow each other?",
      initial: seriesOf(path),
      problemOf: (text) => problemOf(() => parseNewSeries(text)),
    });
    return { series, path };
  }
}

/** The last part of a path if a series may be called that; otherwise nothing. */
function seriesOf(path: string): string {
  try {
    return parseNewSeries(basename(path));
  } catch (error) {
    if (error instanceof AgentError) return "";
    throw error;
  }
}
