/** `agent serve` under measurement: one server for all clients. */
import { join } from "node:path";
import { command, failure } from "./invocation.ts";
import { parseAddress, type TcpAddress } from "./latency_proxy.ts";

/** A process that listens. Disposing ends it. */
interface Listening extends AsyncDisposable {
  readonly address: TcpAddress;
  readonly pid: number;
}

/** A server of the repositories below a directory. */
interface BlobServer extends Listening {
  readonly path: string;
}

/** Starts the agent's server on a free port of loopback, without authentication. Nothing else may use `directory`. */
export async function startBlobServer(executable: string, directory: string): Promise<BlobServer> {
  const path = join(directory, "served");
  await Deno.mkdir(path);
  const argv = [executable, "serve", "--no-auth", "--json", "--path", path, "--listen", "127.0.0.1:0"];
  const server = await listening(argv, (line) => parseAddress(JSON.parse(line).address));
  return { ...server, path, [Symbol.asyncDispose]: server[Symbol.asyncDispose] };
}

/**
 * Puts a proxy in front of a server that adds a round trip of that many milliseconds. The result has the proxy's
 * address.
 */
export async function farAway(server: TcpAddress, roundTripMs: number): Promise<Listening> {
  const program = new URL("./latency_proxy.ts", import.meta.url).pathname;
  const target = `${server.hostname}:${server.port}`;
  const argv = [Deno.execPath(), "run", "--no-check", "--allow-net", program, target, String(roundTripMs)];
  return await listening(argv, parseAddress);
}

/** The most memory that a process ever used at once, in bytes, as counted by the kernel. */
export async function peakBytesOf(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kib === undefined) throw new SyntaxError(`/proc/${pid}/status has no VmHWM line`);
  return Number(kib) * 1024;
}

/** Starts a command that prints its address in the first line of its output. */
async function listening(argv: readonly string[], addressIn: (line: string) => TcpAddress): Promise<Listening> {
  const invocation = { argv, env: { HOME: Deno.env.get("HOME") ?? "/tmp" } };
  const child = command(invocation, { stdin: "null", stdout: "piped" }).spawn();
  const stderr = new Response(child.stderr).text();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await output.read();
    if (done) throw new Error(failure(invocation, (await child.status).code, await stderr));
    text += value;
  }
  return {
    address: addressIn(text.slice(0, text.indexOf("\n"))),
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.status;
      await Promise.all([output.cancel(), stderr]);
    },
  };
}
