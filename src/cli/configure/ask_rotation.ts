/** Asks what a rotation is to keep. */
import { parseCount, WEEK_DAYS } from "../../policy/retention/parse_retention.ts";
import { isEmptyRotation } from "../../policy/retention/retention_rotation.ts";
import type { Prompter } from "../terminal/prompter.ts";
import type { RotationAnswer } from "./answers.ts";
import { problemOf } from "./trying.ts";

/** Asks for the counts and the day, beginning with those of `initial`. */
export async function askRotation(prompter: Prompter, initial: RotationAnswer): Promise<RotationAnswer> {
  const days = await askCount(prompter, "day", initial.days);
  const weeks = await askCount(prompter, "week", initial.weeks);
  // Whoever has kept nothing so far has to keep some months.
  const isEmpty = (months: number) => isEmptyRotation({ ...initial, days, weeks, months, years: initial.years ?? 0 });
  const months = await askCount(prompter, "month", initial.months, (count) => isEmpty(count) ? EMPTY : undefined);
  const firstWeekDay = await prompter.choose({
    question: "On which day do weeks begin?",
    choices: WEEK_DAYS.map((name, value) => ({ value, label: `${name[0]!.toUpperCase()}${name.slice(1)}` })),
    initial: initial.firstWeekDay,
  });
  return { days, weeks, months, firstWeekDay };
}

const EMPTY = "That would keep nothing: of days, weeks and months, keep at least one";

async function askCount(
  prompter: Prompter,
  unit: string,
  initial: number,
  problemOfCount: (count: number) => string | undefined = () => undefined,
): Promise<number> {
  const parse = (text: string) => parseCount(text, `${unit}s to keep`);
  const answer = await prompter.askText({
    question: `A rotation keeps the first backup of each ${unit}. For how many ${unit}s?`,
    initial: String(initial),
    problemOf: (text) =>
      text === "unlimited" ? "Write a whole number" : problemOf(() => parse(text)) ?? problemOfCount(parse(text)),
  });
  return parse(answer);
}
