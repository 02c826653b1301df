/** What is wrong with a configuration file: all of it is found in one reading, each with its line. */
import { UsageError } from "../base/errors.ts";
import type { Configuration } from "./configuration.ts";

/** One mistake. */
export interface Problem {
  /** Counted from 1. */
  readonly line: number;
  /** One sentence without the place. */
  readonly message: string;
}

/** A configuration file that cannot be used. */
export class ConfigurationError extends UsageError {
  /** All mistakes, in the order of the file. */
  readonly problems: readonly Problem[];

  /**
   * `problems`: at least one. The message is the first of them, with its place. `readable`: the file without what is
   * wrong in it, in which more may be wrong; undefined if it cannot be read at all.
   */
  constructor(path: string, problems: readonly Problem[], readonly readable?: Configuration) {
    const sorted = problems.toSorted((a, b) => a.line - b.line);
    const [first, ...others] = sorted;
    const more = others.length === 0 ? "" : `; "agent config check" shows ${others.length} more`;
    super(`${problemLine(path, first!)}${more}`);
    this.problems = sorted;
  }
}

/** A mistake with its place, as compilers write it. */
export function problemLine(path: string, { line, message }: Problem): string {
  return `${path}:${line}: ${message}`;
}
