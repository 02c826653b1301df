/** A person who answers as a test says. */
import assert from "node:assert/strict";
import { InterruptedError } from "../../../src/base/errors.ts";
import type { ChoiceQuestion, Prompter, TextQuestion } from "../../../src/cli/terminal/prompter.ts";

/** The answer that takes what is proposed. */
export const ENTER = Symbol("enter");
/** The answer that leaves the question. */
export const LEAVE = Symbol("leave");

/** A pattern that the question has to match, and the answer: text, the label of a choice, yes or no. */
export type Reply = readonly [question: RegExp, answer: string | boolean | typeof ENTER | typeof LEAVE];

/** Answers question by question, and keeps what is shown. */
export class ScriptedPrompter implements Prompter {
  /** What was shown between the questions. */
  readonly shown: string[] = [];
  /** What went wrong. */
  readonly complaints: string[] = [];
  readonly #replies: Reply[];

  constructor(replies: readonly Reply[]) {
    this.#replies = [...replies];
  }

  /** The replies to questions that were not asked. */
  get left(): readonly Reply[] {
    return this.#replies;
  }

  begin(title: string): void {
    this.shown.push(title);
  }

  end(text: string): void {
    this.shown.push(text);
  }

  tell(text: string): void {
    this.shown.push(text);
  }

  show(title: string, text: string): void {
    this.shown.push(`${title}:\n${text}`);
  }

  complain(text: string): void {
    this.complaints.push(text);
  }

  askText({ question, initial = "", problemOf }: TextQuestion): Promise<string> {
    const answer = this.#reply(question, initial);
    const problem = problemOf?.(String(answer));
    if (problem === undefined) return Promise.resolve(String(answer));
    this.complaints.push(problem);
    return this.askText({ question, initial, problemOf: problemOf! });
  }

  choose<Value>({ question, choices, initial = choices[0]!.value }: ChoiceQuestion<Value>): Promise<Value> {
    const usual = choices.find(({ value }) => value === initial)!;
    const label = this.#reply(question, usual.label);
    const chosen = choices.find((choice) => choice.label === label);
    assert.ok(chosen, `"${String(label)}" is none of ${choices.map(({ label }) => label).join(", ")}`);
    return Promise.resolve(chosen.value);
  }

  confirm(question: string, initial: boolean): Promise<boolean> {
    return Promise.resolve(this.#reply(question, initial) === true);
  }

  #reply(question: string, usual: string | boolean): string | boolean {
    const [pattern, answer] = this.#replies.shift() ?? assert.fail(`nobody answers "${question}"`);
    assert.match(question, pattern);
    if (answer === LEAVE) throw new InterruptedError();
    return answer === ENTER ? usual : answer as string | boolean;
  }
}
