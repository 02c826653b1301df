/** Commands of one user on one repository, hour by hour. */
import { join } from "node:path";
import type { LocalFiles } from "../../src/cli/context.ts";
import { runInProcess } from "../helpers/command_line.ts";
import { type FakeWorld, fakeWorld } from "../helpers/world.ts";

/** What a command finds around it, beside the repository. */
interface Around {
  readonly stdin?: string;
  /** The width of the terminal; by default the outputs are pipes. */
  readonly terminal?: number;
  /** What is answered to questions, in order. */
  readonly answers?: readonly string[];
  readonly files?: LocalFiles;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Runs commands on one repository. */
export class Desk {
  readonly directory: string;
  readonly world: FakeWorld = fakeWorld();

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** Lets `work` use a desk with an empty repository. */
  static async with(work: (desk: Desk) => Promise<void>): Promise<void> {
    const directory = await Deno.makeTempDir();
    try {
      const desk = new Desk(directory);
      await desk.run(["init", "--new-password-file", join(directory, "password")]);
      await work(desk);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  }

  /** Runs `agent ARGS`, an hour after the command before. */
  async run(args: readonly string[], { stdin = "", answers = [], env = {}, ...around }: Around = {}) {
    this.world.clock.jump(3_600_000);
    return await runInProcess(args, {
      ...around,
      world: this.world,
      stdin: new TextEncoder().encode(stdin),
      typed: answers.map((answer) => new TextEncoder().encode(answer)),
      env: {
        AGENT_REPOSITORY: join(this.directory, "repo"),
        AGENT_PASSWORD_FILE: join(this.directory, "password"),
        ...env,
      },
    });
  }

  /** Backs up a stream, and returns the id of the backup. */
  async put(series: string, stream: string, ...options: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(["put", series, ...options], { stdin: stream });
    if (exitCode !== 0) throw new Error(stderr);
    return stdout.trim();
  }

  /** The objects of `agent ARGS --json`. */
  async json(...args: string[]): Promise<Record<string, unknown>[]> {
    const { stdout } = await this.run([...args, "--json"]);
    return stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  }

  /** The ids of all backups, oldest first. */
  async ids(): Promise<unknown[]> {
    return (await this.json("ls")).map(({ id }) => id);
  }
}
