/** Questions at the terminal of standard input and standard error, drawn by a library. */
import process from "node:process";
import {
  type CANCEL_SYMBOL,
  confirm,
  intro,
  isCancel,
  log,
  note,
  outro,
  select,
  text as askText,
} from "@clack/prompts";
import { InterruptedError } from "../../base/errors.ts";
import type { ChoiceQuestion, Prompter, TextQuestion } from "./prompter.ts";
import { wrapText } from "./table.ts";
import { printable } from "./terminal_text.ts";

/** The width where the terminal does not tell it. */
const USUAL_COLUMNS = 80;
/** What the library draws at the left of a text. */
const MARK_COLUMNS = 4;

/** Asks there. `signal` ends an open question. */
export function terminalPrompter(signal: AbortSignal): Prompter {
  const shown = { output: process.stderr };
  const asked = { ...shown, signal };
  return {
    begin: (title) => intro(printable(title), shown),
    end: (text) => outro(printable(text), shown),
    tell: (text) => log.info(wrapped(text), shown),
    show: (title, text) => note(printableLines(text), printable(title), shown),
    complain: (text) => log.error(wrapped(text), shown),
    async askText({ question, example, initial, problemOf }: TextQuestion) {
      const answer = await askText({
        message: printable(question),
        ...example !== undefined && { placeholder: `for example ${example}` },
        ...initial !== undefined && { initialValue: printable(initial) },
        validate: (value) => problemOf?.(value?.trim() ?? ""),
        ...asked,
      });
      return answerOf(answer).trim();
    },
    async choose<Value>({ question, choices, initial }: ChoiceQuestion<Value>) {
      // The library tells choices apart by values that it can compare.
      const at = choices.findIndex(({ value }) => value === initial);
      const answer = await select({
        message: printable(question),
        options: choices.map(({ label, hint }, value) => ({
          value,
          label: printable(label),
          ...hint !== undefined && { hint: printable(hint) },
        })),
        initialValue: Math.max(0, at),
        showInstructions: false,
        ...asked,
      });
      return choices[answerOf(answer)]!.value;
    },
    async confirm(question, initial) {
      return answerOf(await confirm({ message: printable(question), initialValue: initial, ...asked }));
    },
  };
}

/** The answer. Throws `InterruptedError` if the question was left. */
function answerOf<Value>(answer: Value | typeof CANCEL_SYMBOL): Value {
  if (isCancel(answer)) throw new InterruptedError();
  return answer as Value;
}

function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

/** One line of text, wrapped between words beside the marks of the library. */
function wrapped(text: string): string {
  return wrapText(printable(text), (process.stderr.columns ?? USUAL_COLUMNS) - MARK_COLUMNS).join("\n");
}
