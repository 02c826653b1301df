/** `agent init` on a server: when the password file is written, and what becomes of it where the server misbehaves. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { runInProcess } from "../helpers/command_line.ts";

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly passwordFile: string | undefined;
}

/** A REST server that keeps what it gets, answers every upload of a config with `configStatus`, and notes what it saw. */
async function withServer(
  { configStatus, keepsConfig }: { readonly configStatus: number; readonly keepsConfig: boolean },
  work: (url: string, passwordFile: string, seen: Seen[]) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "agent-init-" });
  const passwordFile = `${folder}/password`;
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const seen: Seen[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const { pathname: path, search } = new URL(request.url);
    const text = await Deno.readTextFile(passwordFile).catch(() => undefined);
    seen.push({ method: request.method, path, passwordFile: text });
    const body = new Uint8Array(await request.arrayBuffer());
    if (request.method === "POST" && search === "") {
      const isConfig = path.endsWith("/config");
      if (!isConfig || keepsConfig) files.set(path, body);
      return new Response(null, { status: isConfig ? configStatus : 200 });
    }
    if (request.method === "DELETE") files.delete(path);
    if (request.method !== "GET" && request.method !== "HEAD") return new Response(null);
    if (path.endsWith("/")) return listing([...files.keys()].filter((name) => name.startsWith(path)));
    const file = files.get(path);
    return file === undefined ? new Response(null, { status: 404 }) : new Response(file);
  });
  try {
    await work(`rest:http://127.0.0.1:${server.addr.port}/shop/`, passwordFile, seen);
  } finally {
    await server.shutdown();
    await Deno.remove(folder, { recursive: true });
  }
}

function listing(paths: readonly string[]): Response {
  const rows = paths.map((path) => ({ name: path.split("/").at(-1), size: 1 }));
  return new Response(JSON.stringify(rows), { headers: { "Content-Type": "application/vnd.x.restic.rest.v2" } });
}

Deno.test("the password is in its file before the server is asked for anything", () =>
  withServer({ configStatus: 200, keepsConfig: true }, async (url, passwordFile, seen) => {
    const { exitCode, stderr } = await runInProcess(["init", "-r", url, "--new-password-file", passwordFile]);
    equal(exitCode, ExitCode.done, stderr);
    ok(seen.length > 0);
    for (const { passwordFile } of seen) match(passwordFile ?? "", /^[\w-]{43}\n$/);
    equal((await runInProcess(["key", "list", "-r", url, "-p", passwordFile, "--no-cache"])).exitCode, ExitCode.done);
  }));

Deno.test("where the server keeps the config and says that it does not, the password file stays and opens it", () =>
  withServer({ configStatus: 403, keepsConfig: true }, async (url, passwordFile) => {
    const { exitCode, stderr } = await runInProcess(["init", "-r", url, "--new-password-file", passwordFile]);
    equal(exitCode, ExitCode.failed);
    match(stderr, /; the new password may still open the repository, so it stays in ".*password"\n$/);
    equal((await runInProcess(["key", "list", "-r", url, "-p", passwordFile, "--no-cache"])).exitCode, ExitCode.done);
  }));

Deno.test("where the server refuses the config, neither the password file nor a key stays", () =>
  withServer({ configStatus: 403, keepsConfig: false }, async (url, passwordFile, seen) => {
    const { exitCode, stderr } = await runInProcess(["init", "-r", url, "--new-password-file", passwordFile]);
    equal(exitCode, ExitCode.failed);
    match(stderr, /^agent: [^;]*(?!stays)[^\n]*\n$/);
    deepEqual(await Deno.stat(passwordFile).catch((error) => error instanceof Deno.errors.NotFound), true);
    deepEqual(seen.filter(({ method }) => method === "DELETE").length, 1);
  }));
