/** Real S3 servers in tests: OpenStack Swift and Ceph, started by a program that keeps all their data in one folder. */
import assert from "node:assert/strict";

/** The kind of server. */
export type S3Engine = "swift" | "ceph";

/** How many ports a server takes in addition to its first. */
const MORE_PORTS_BY_ENGINE: Readonly<Record<S3Engine, number>> = { swift: 10, ceph: 40 };

/** Where the search for free ports begins; far apart, since both may start at the same moment. */
const FIRST_PORT_BY_ENGINE: Readonly<Record<S3Engine, number>> = { swift: 21_000, ceph: 24_000 };

/** A running server. */
export interface S3Server {
  /** For example `http://127.0.0.1:21000`. */
  readonly endpoint: string;
  /** The variables from which AWS's tools and restic take credentials. */
  readonly env: Readonly<Record<string, string>>;
  /** Stops it and removes its folder. */
  stop(): Promise<void>;
}

/** Starts a server; `program` is the path of `s3-server`. It may first install packages, which takes time. */
export async function startS3Server(program: string, engine: S3Engine): Promise<S3Server> {
  const folder = await Deno.makeTempDir({ prefix: `agent-${engine}-` });
  const stop = async () => void await run(program, ["destroy", folder]);
  try {
    const port = freePorts(FIRST_PORT_BY_ENGINE[engine], MORE_PORTS_BY_ENGINE[engine] + 1);
    const told = await run(program, ["start", folder], { S3_ENGINE: engine, S3_PORT: String(port) });
    const variable = (name: string) => {
      const value = new RegExp(`^export ${name}='(.*)'$`, "m").exec(told)?.[1];
      assert.ok(value, `${name} is missing in: ${told}`);
      return value;
    };
    const env = {
      AWS_ACCESS_KEY_ID: variable("S3_ACCESS_KEY"),
      AWS_SECRET_ACCESS_KEY: variable("S3_SECRET_KEY"),
      AWS_REGION: variable("S3_REGION"),
    };
    return { endpoint: variable("S3_ENDPOINT"), env, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function run(program: string, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args: [...args], env, stdin: "null" }).output();
  assert.ok(success, `${program} ${args.join(" ")} failed: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/**
 * The first of `count` consecutive free ports, below those that the system assigns. The search begins at a random
 * place, because tests that start at the same moment would otherwise find the same ports.
 */
function freePorts(from: number, count: number): number {
  const rows = Math.floor(3000 / count);
  const start = Math.floor(Math.random() * rows);
  for (let i = 0; i < rows; i++) {
    const first = from + ((start + i) % rows) * count;
    if (Array.from({ length: count }, (_, port) => first + port).every(isFree)) return first;
  }
  throw new Error(`No ${count} free ports in a row from ${from} on`);
}

function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return true;
  } catch {
    return false; // An answer, not an error.
  }
}
