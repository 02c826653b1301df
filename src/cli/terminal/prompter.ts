/** Questions to a person at a terminal, one after the other. */

/** A question whose answer is text. */
export interface TextQuestion {
  readonly question: string;
  /** What an answer may look like, shown while there is none. */
  readonly example?: string;
  /** The answer to begin with, which may be changed. */
  readonly initial?: string;
  /** What is wrong with an answer, in a few words; undefined if nothing is. The question stays until it is answered well. */
  readonly problemOf?: (answer: string) => string | undefined;
}

/** One of several answers. */
export interface Choice<Value> {
  readonly value: Value;
  readonly label: string;
  /** What to know about it, while it is looked at. */
  readonly hint?: string;
}

/** A question with a few answers. */
export interface ChoiceQuestion<Value> {
  readonly question: string;
  readonly choices: readonly Choice<Value>[];
  /** The answer to begin with; the first one by default. */
  readonly initial?: Value;
}

/** Asks. Every question throws `InterruptedError` if it is left, as by Ctrl-C. */
export interface Prompter {
  /** Shows what the questions are about. */
  begin(title: string): void;
  /** Shows what came of them. */
  end(text: string): void;
  /** Shows something to know. */
  tell(text: string): void;
  /** Shows text that is kept in a file, under a title. */
  show(title: string, text: string): void;
  /** Shows what went wrong, before the question is asked again. */
  complain(text: string): void;
  /** Asks for text; white space around it is left out. */
  askText(question: TextQuestion): Promise<string>;
  /** Asks for one of several answers. */
  choose<Value>(question: ChoiceQuestion<Value>): Promise<Value>;
  /** Asks for yes or no; `initial` is the answer to begin with. */
  confirm(question: string, initial: boolean): Promise<boolean>;
}
