/** What the result of a query is expected to be: `=5`, `>1000`, `<=3`, `!=0`, `~^ok`. */
import { UsageError } from "../base/errors.ts";

/** An expectation of one value. */
export interface ValueExpectation {
  /** As it was given. */
  readonly text: string;
  /** Whether a value meets it. Null: the query gave no row, which meets nothing. */
  readonly isMet: (value: string | null) => boolean;
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

const COMPARISONS: Readonly<Record<string, (order: number) => boolean>> = {
  "=": (order) => order === 0,
  "!=": (order) => order !== 0,
  ">": (order) => order > 0,
  ">=": (order) => order >= 0,
  "<": (order) => order < 0,
  "<=": (order) => order <= 0,
};

/** Reads an expectation. Throws `UsageError` if it is none. */
export function parseValueExpectation(text: string): ValueExpectation {
  const [, operator, operand] = /^(!=|[<>]=|[=<>~])(.*)$/s.exec(text) ?? [];
  if (operator === undefined || operand === undefined || operand === "" && operator !== "=" && operator !== "!=") {
    throw notAnExpectation(text, "it begins with =, !=, <, <=, >, >= or ~, as in >1000 or ~^ok");
  }
  if (operator === "~") return { text, isMet: matching(text, operand) };
  const compare = COMPARISONS[operator]!;
  const hasOrder = operator !== "=" && operator !== "!=";
  if (hasOrder && !NUMBER.test(operand)) {
    throw notAnExpectation(text, "numbers can be compared by < and >, texts by = and ~");
  }
  return {
    text,
    isMet: (value) => {
      if (value === null) return false;
      if (NUMBER.test(value) && NUMBER.test(operand)) return compare(orderOf(value, operand));
      return !hasOrder && compare(value === operand ? 0 : 1);
    },
  };
}

function matching(text: string, pattern: string): ValueExpectation["isMet"] {
  try {
    const expression = new RegExp(pattern, "u");
    return (value) => value !== null && expression.test(value);
  } catch (cause) {
    throw notAnExpectation(text, "what follows the ~ is no regular expression", cause);
  }
}

/** Whole numbers may be larger than those of JavaScript. */
function orderOf(a: string, b: string): number {
  const isWhole = (number: string) => /^-?\d+$/.test(number);
  if (isWhole(a) && isWhole(b)) {
    const [left, right] = [BigInt(a), BigInt(b)];
    return left < right ? -1 : left > right ? 1 : 0;
  }
  return Number(a) - Number(b);
}

function notAnExpectation(text: string, why: string, cause?: unknown): UsageError {
  return new UsageError(`Not an expectation of a query: ${JSON.stringify(text)}: ${why}`, { cause });
}
