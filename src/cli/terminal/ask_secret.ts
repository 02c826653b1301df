/** Asks for a secret on the terminal without echo. Standard input stays free for the stream. */
import { InterruptedError } from "../../base/errors.ts";

const INTERRUPT = 3;
const END_OF_INPUT = 4;
const BACKSPACE = 8;
const NEWLINE = 10;
const RETURN = 13;
const KILL_LINE = 21;
const DELETE = 127;

/**
 * The bytes of the answer, in the terminal's encoding. Undefined if this process has no terminal, or if the input ends
 * (Ctrl-D) before anything was typed. Throws `InterruptedError` on Ctrl-C.
 */
export async function askSecret(question: string): Promise<Uint8Array | undefined> {
  const terminal = await openTerminal();
  if (terminal === undefined) return undefined;
  using tty = terminal;
  tty.setRaw(true);
  try {
    await tty.write(new TextEncoder().encode(question));
    const line = await readLine(tty);
    return line && Uint8Array.from(line);
  } finally {
    await restore(tty);
  }
}

/** Turns the echo on again. If the terminal is gone, that is not necessary, and what was typed still counts. */
async function restore(tty: Deno.FsFile): Promise<void> {
  try {
    tty.setRaw(false);
    await tty.write(new TextEncoder().encode("\n"));
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
async function readLine(tty: Deno.FsFile): Promise<number[] | undefined> {
  const line: number[] = [];
  const byte = new Uint8Array(1);
  while (await tty.read(byte) !== null) {
    const code = byte[0]!;
    if (code === INTERRUPT) throw new InterruptedError();
    if (code === NEWLINE || code === RETURN) return line;
    if (code === END_OF_INPUT) break;
    if (code === BACKSPACE || code === DELETE) removeCharacter(line);
    else if (code === KILL_LINE) line.length = 0;
    else line.push(code);
  }
  return line.length > 0 ? line : undefined;
}

/** Removes the last character, with all bytes of its UTF-8. */
function removeCharacter(line: number[]): void {
  while (line.length > 0 && (line.pop()! & 0xc0) === 0x80);
}
