/** A folder outside of the project with programs that use the library, as those of its users do. */
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname!, "../..");

/** What a program wrote, and how it ended. */
export interface ProgramOutput {
  /** As the shell has it: 128 and the signal's number if a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a program is run. */
interface RunProgram {
  readonly env?: Readonly<Record<string, string>>;
  /** A command line that the program and its arguments are appended to. */
  readonly before?: readonly string[];
  /** Gets the process once it has written its first line. */
  readonly atFirstLine?: (process: Deno.ChildProcess, line: string) => void | Promise<void>;
}

/** Such a folder, whose `deno.json` says where the library is, and nothing else. */
export class ForeignFolder implements AsyncDisposable {
  readonly path: string;

  constructor() {
    this.path = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "agent-foreign-" }));
    this.write("deno.json", JSON.stringify({ imports: { "@agent/agent": join(ROOT, "src/mod.ts") } }));
  }

  at(path: string): string {
    return join(this.path, path);
  }

  write(path: string, text: string): void {
    Deno.mkdirSync(join(this.at(path), ".."), { recursive: true });
    Deno.writeTextFileSync(this.at(path), text);
  }

  /** Writes a program and runs it. */
  async run(program: string, { env = {}, before = [], atFirstLine }: RunProgram = {}): Promise<ProgramOutput> {
    this.write("program.ts", program);
    const [first, ...args] = [...before, Deno.execPath(), "run", "--allow-all", "--no-check", "program.ts"];
    const process = new Deno.Command(first!, {
      args,
      cwd: this.path,
      env: { NO_COLOR: "1", AGENT_CACHE_DIR: this.at("cache"), ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const stderr = new Response(process.stderr).text();
    let stdout = "";
    for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
      const isFirst = !stdout.includes("\n");
      stdout += text;
      if (isFirst && stdout.includes("\n")) await atFirstLine?.(process, stdout.slice(0, stdout.indexOf("\n")));
    }
    return { code: (await process.status).code, stdout, stderr: await stderr };
  }

  /** Checks the types of files in the folder. */
  async check(...paths: string[]): Promise<ProgramOutput> {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", ...paths],
      cwd: this.path,
      env: { NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder();
    return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}
