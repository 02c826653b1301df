/** A project as small as the build takes, for tests of the executables that it makes. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const BUILD = fileURLToPath(new URL("../../scripts/build/main.ts", import.meta.url));

/** Answers about what an executable owes its program: build info, arguments, streams, signals, exit code, threads. */
const MAIN = `
const [command, ...rest] = Deno.args;
if (command === "version") console.log(JSON.stringify(globalThis.AGENT_BUILD));
if (command === "args") console.log(JSON.stringify(rest));
if (command === "env") console.log(Deno.env.get(rest[0]) ?? "unset");
if (command === "cat") await Deno.stdin.readable.pipeTo(Deno.stdout.writable);
if (command === "exit") Deno.exit(Number(rest[0]));
if (command === "wait") {
  Deno.addSignalListener("SIGTERM", () => Deno.exit(42));
  console.log(Deno.pid);
  setTimeout(() => {}, 30_000);
}
if (command === "thread") {
  const worker = new Worker(new URL("./worker.js", import.meta.url).href, { type: "module" });
  worker.onmessage = ({ data }) => {
    console.log(data);
    worker.terminate();
  };
  worker.postMessage("ping");
}
`;
const WORKER = `self.onmessage = ({ data }) => self.postMessage(data + " pong");`;

/** A built executable in a directory of its own, removed at the end of the scope. */
interface HelloExecutable extends AsyncDisposable {
  readonly path: string;
  /** An empty directory for the test's own files. */
  readonly folder: string;
  /** Standard output of the build. */
  readonly said: string;
}

/** Builds the project in the given form; `deno` runs the build, with `env` added to the environment. */
export async function buildHello(
  { form, deno = Deno.execPath(), env = {} }: { form: string; deno?: string; env?: Record<string, string> },
): Promise<HelloExecutable> {
  const folder = await Deno.makeTempDir({ prefix: "agent-hello-" });
  const root = join(folder, "project");
  await Deno.mkdir(join(root, "src/pipeline"), { recursive: true });
  await Deno.writeTextFile(join(root, "deno.json"), `{ "version": "9.8.7" }`);
  await Deno.writeTextFile(join(root, "src/main.ts"), MAIN);
  await Deno.writeTextFile(join(root, "src/worker.ts"), WORKER);
  const path = join(folder, "agent");
  const args = ["run", "--allow-all", BUILD, `--form=${form}`, `--root=${root}`, `--output=${path}`];
  const { code, stdout, stderr } = await runProgram(deno, args, { env });
  assert.equal(code, 0, stderr);
  return { path, folder, said: stdout, [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
}

/** Runs a program to its end with `input` on standard input; `env` is added to the environment. */
export async function runProgram(
  path: string,
  args: string[],
  { env = {}, input = "" }: { env?: Record<string, string>; input?: string } = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = new Deno.Command(path, { args, env, stdin: "piped", stdout: "piped", stderr: "piped" });
  const child = command.spawn();
  const feeding = new Blob([input]).stream().pipeTo(child.stdin); // while the output is read: pipes are small
  const { code, stdout, stderr } = await child.output();
  await feeding.catch((error) => {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error; // most commands do not read
  });
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

/** What both forms have to do alike: `executable` started with `env` is the program, and nothing is lost on the way. */
export async function checkExecutable(path: string, env: Record<string, string>): Promise<void> {
  const run = async (args: string[], input?: string) => {
    const { code, stdout, stderr } = await runProgram(path, args, { env, ...(input !== undefined && { input }) });
    assert.equal(stderr, "");
    return { code, stdout };
  };
  const args = ["--", "two words", "", "*", "--help", "-V", "$HOME", `"quoted"`];
  assert.deepEqual(JSON.parse((await run(["args", ...args])).stdout), args);
  const input = "0123456789abcdef".repeat(20_000);
  assert.equal((await run(["cat"], input)).stdout, input);
  assert.equal((await run(["exit", "7"])).code, 7);
  assert.equal((await run(["thread"])).stdout, "ping pong\n");
  assert.deepEqual(await signalWaiting(path, env), { samePid: true, code: 42 });
}

/** Sends SIGTERM to the waiting program by the pid that it was started with. */
async function signalWaiting(path: string, env: Record<string, string>): Promise<{ samePid: boolean; code: number }> {
  await using child = new Deno.Command(path, { args: ["wait"], env, stdin: "null", stdout: "piped" }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  child.kill("SIGTERM");
  await reader.cancel();
  return { samePid: Number(new TextDecoder().decode(value)) === child.pid, code: (await child.status).code };
}
