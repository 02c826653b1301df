/** A terminal whose screen a test reads, and on which it types: tmux, on its own socket. */
import assert from "node:assert/strict";
import { eventually, type Sandbox } from "./executable.ts";

const ROWS = 24;

/** A shell on a terminal. */
export class Tmux implements AsyncDisposable {
  readonly #tmux: string;
  readonly #box: Sandbox;

  private constructor(tmux: string, box: Sandbox) {
    this.#tmux = tmux;
    this.#box = box;
  }

  /** Starts a shell in the sandbox on a terminal with that many columns; `tmux` is the path of the program. */
  static async start(
    tmux: string,
    box: Sandbox,
    columns: number,
    env: Readonly<Record<string, string | undefined>> = {},
  ): Promise<Tmux> {
    const terminal = new Tmux(tmux, box);
    const shell = "exec env PS1='> ' bash --norc --noprofile -i";
    const size = ["-x", String(columns), "-y", String(ROWS)];
    await terminal.#run(["-f", "/dev/null", "new-session", "-d", ...size, shell], {
      LC_ALL: "C.UTF-8",
      SHELL: "/bin/bash", // Some accounts, such as nobody, have no shell.
      ...env,
    });
    await terminal.shows(/^>$/m);
    await terminal.#run(["set-option", "-g", "window-size", "manual"]);
    return terminal;
  }

  /** The rows of the screen, without the empty ones at the bottom. */
  async screen(): Promise<string> {
    return (await this.#run(["capture-pane", "-p"])).trimEnd();
  }

  /** The lines on the screen, with wrapped lines joined. */
  async lines(): Promise<string> {
    return (await this.#run(["capture-pane", "-p", "-J"])).replaceAll(/ +$/gm, "").trimEnd();
  }

  /** Waits until the screen matches, and returns it. */
  shows(pattern: RegExp): Promise<string> {
    return fitting(pattern, () => this.screen());
  }

  /** Waits until the lines match, and returns them. */
  says(pattern: RegExp): Promise<string> {
    return fitting(pattern, () => this.lines());
  }

  /** Types a line. */
  async type(line: string): Promise<void> {
    await this.write(line);
    await this.press("Enter");
  }

  /** Types characters; a tab is the key. */
  async write(characters: string): Promise<void> {
    await this.#run(["send-keys", "-l", "--", characters]);
  }

  /** Presses a key: `Enter`, `C-c`. */
  async press(key: string): Promise<void> {
    await this.#run(["send-keys", key]);
  }

  /** Sets the terminal's width. */
  async resize(columns: number): Promise<void> {
    await this.#run(["resize-window", "-x", String(columns), "-y", String(ROWS)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#run(["kill-server"]);
  }

  async #run(args: readonly string[], env: Readonly<Record<string, string | undefined>> = {}): Promise<string> {
    const socket = ["-u", "-S", this.#box.join("tmux.socket")];
    await using running = this.#box.startProgram(this.#tmux, [...socket, ...args], env);
    const { exitCode, stdout, stderr } = await running.outcome();
    assert.equal(exitCode, 0, `tmux ${args.join(" ")}: ${stderr}`);
    return stdout;
  }
}

async function fitting(pattern: RegExp, read: () => Promise<string>): Promise<string> {
  let text = "";
  const isFitting = async () => pattern.test(text = await read()) || undefined;
  await eventually(String(pattern), isFitting).catch((error) => {
    throw new Error(`${error.message}; the screen:\n${text}`);
  });
  return text;
}
