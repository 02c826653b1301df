/** Asks for a secret on the terminal, where nobody sees it; standard input stays free for the stream. */
import { InterruptedError } from "../base/errors.ts";

const INTERRUPT = 3;
const END_OF_INPUT = 4;
const BACKSPACE = 8;
const NEWLINE = 10;
const RETURN = 13;
const DELETE = 127;

/** The answer, or undefined where this process has no terminal. Throws `InterruptedError` at Ctrl-C. */
export async function askSecret(question: string): Promise<string | undefined> {
  const terminal = await openTerminal();
  if (terminal === undefined) return undefined;
  using tty = terminal;
  tty.setRaw(true);
  try {
    await tty.write(new TextEncoder().encode(question));
    return new TextDecoder().decode(Uint8Array.from(await readLine(tty)));
  } finally {
    tty.setRaw(false);
    await tty.write(new TextEncoder().encode("\n"));
  }
}

async function openTerminal(): Promise<Deno.FsFile | undefined> {
  try {
    return await Deno.open("/dev/tty", { read: true, write: true });
  } catch {
    // Whatever keeps it from being opened, there is nobody to ask; the caller says what to do instead.
    return undefined;
  }
}

async function readLine(tty: Deno.FsFile): Promise<number[]> {
  const line: number[] = [];
  const byte = new Uint8Array(1);
  while (await tty.read(byte) !== null) {
    const code = byte[0]!;
    if (code === INTERRUPT) throw new InterruptedError();
    if (code === NEWLINE || code === RETURN || code === END_OF_INPUT) break;
    if (code === BACKSPACE || code === DELETE) removeCharacter(line);
    else line.push(code);
  }
  return line;
}

/** Takes the last character off, all bytes of its UTF-8. */
function removeCharacter(line: number[]): void {
  while (line.length > 0 && (line.pop()! & 0xc0) === 0x80);
}
