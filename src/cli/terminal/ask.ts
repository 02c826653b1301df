/** Asks on the terminal: for a secret, without echo, or for a yes. Standard input stays free for the stream. */
import { InterruptedError } from "../../base/errors.ts";

const INTERRUPT = 3;
const END_OF_INPUT = 4;
const BACKSPACE = 8;
const NEWLINE = 10;
const RETURN = 13;
const KILL_LINE = 21;
const DELETE = 127;
const FIRST_PRINTABLE = 32;
/** What removes the last character from the screen. */
const RUB_OUT = "\b \b";

const encoder = new TextEncoder();

/**
 * The bytes of the answer, in the terminal's encoding. Undefined if this process has no terminal, or if the input ends
 * (Ctrl-D) before anything was typed. Throws `InterruptedError` on Ctrl-C.
 */
export async function askSecret(question: string): Promise<Uint8Array | undefined> {
  const line = await ask(question, { echo: false });
  return line && Uint8Array.from(line);
}

/**
 * Whether the answer is `y` or `yes`; everything else is a no. Undefined if this process has no terminal. Throws
 * `InterruptedError` on Ctrl-C.
 */
export async function askYesNo(question: string): Promise<boolean | undefined> {
  const line = await ask(`${question} [y/N] `, { echo: true });
  if (line === undefined) return undefined;
  return /^\s*y(es)?\s*$/i.test(new TextDecoder().decode(Uint8Array.from(line)));
}

/** The line that is typed; undefined without a terminal, or if the input ends before anything was typed. */
async function ask(question: string, { echo }: { readonly echo: boolean }): Promise<number[] | undefined> {
  const terminal = await openTerminal();
  if (terminal === undefined) return undefined;
  using tty = terminal;
  // With echo, too, the terminal is raw: Ctrl-C must end the question and not wait for the end of the line.
  tty.setRaw(true);
  try {
    await tty.write(encoder.encode(question));
    return await readLine(tty, echo ? (text) => tty.write(encoder.encode(text)) : () => Promise.resolve());
  } finally {
    await restore(tty);
  }
}

/** Turns the echo on again. If the terminal is gone, that is not necessary, and what was typed still counts. */
async function restore(tty: Deno.FsFile): Promise<void> {
  try {
    tty.setRaw(false);
    await tty.write(encoder.encode("\n"));
  } catch {
    // Nobody is left to see it.
  }
}

async function openTerminal(): Promise<Deno.FsFile | undefined> {
  try {
    return await Deno.open("/dev/tty", { read: true, write: true });
  } catch {
    // If the terminal cannot be opened, for any reason, there is nobody to ask. The caller gives advice.
    return undefined;
  }
}

/** The bytes typed until the end of the line; undefined if the input ends before anything was typed. */
async function readLine(tty: Deno.FsFile, show: (text: string) => Promise<unknown>): Promise<number[] | undefined> {
  const line: number[] = [];
  const byte = new Uint8Array(1);
  while (await tty.read(byte) !== null) {
    const code = byte[0]!;
    if (code === INTERRUPT) throw new InterruptedError();
    if (code === NEWLINE || code === RETURN) return line;
    if (code === END_OF_INPUT) break;
    if (code === BACKSPACE || code === DELETE) {
      if (line.length > 0) await show(RUB_OUT);
      removeCharacter(line);
    } else if (code === KILL_LINE) {
      await show(RUB_OUT.repeat(line.length));
      line.length = 0;
    } else {
      line.push(code);
      if (code >= FIRST_PRINTABLE && code < DELETE) await show(String.fromCharCode(code));
    }
  }
  return line.length > 0 ? line : undefined;
}

/** Removes the last character, with all bytes of its UTF-8. */
function removeCharacter(line: number[]): void {
  while (line.length > 0 && (line.pop()! & 0xc0) === 0x80);
}
