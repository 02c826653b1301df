/** Finds rotations in a configuration that would keep nothing, which `agent rotate` refuses. */
import type { Configuration } from "../../config/configuration.ts";
import type { Problem } from "../../config/problems.ts";
import { layersFor, type Selection } from "../../config/selection.ts";
import { DEFAULT_ROTATION } from "../../policy/retention/retention_rotation.ts";

const UNITS = ["days", "weeks", "months", "years"] as const;

/** Such rotations of the file itself and of its profiles, each once, at its last count. */
export function rotationProblems(configuration: Configuration): Problem[] {
  const profiles = [undefined, ...configuration.profiles.values()];
  const problems = profiles.flatMap((profile) => problemOf({ configuration, profile }) ?? []);
  return [...new Map(problems.map((problem) => [problem.line, problem])).values()];
}

function problemOf(chosen: Pick<Selection, "configuration" | "profile">): Problem | undefined {
  const layers = layersFor(chosen, "rotate");
  const found = UNITS.flatMap((unit) => layers.find(({ settings }) => settings.has(unit))?.settings.get(unit) ?? []);
  const usual = UNITS.filter((unit) => !layers.some(({ settings }) => settings.has(unit)));
  const keepsNothing = found.every(({ value }) => Number(value) === 0) &&
    usual.every((unit) => DEFAULT_ROTATION[unit] === 0);
  if (!keepsNothing) return undefined;
  return {
    line: Math.max(...found.map(({ line }) => line)),
    message:
      "This rotation keeps nothing, and agent rotate refuses it: of days, weeks, months and years, keep at least one",
  };
}
