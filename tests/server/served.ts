/** Servers in this process, on a free port of loopback and a folder of their own, and two ways to speak to them. */
import { createHash } from "node:crypto";
import { connect, type Socket } from "node:net";
import { systemClock } from "../../src/base/clock.ts";
import type { RunningServer, ServedPlace } from "../../src/server/connection/http_service.ts";
import type { ServerOptions } from "../../src/server/server.ts";
import { type Answer, requestOnce } from "../helpers/http_request.ts";
import { filesBelow } from "../store/local_fixture.ts";
import { startOpenServer } from "./open_server.ts";

/** A header of restic's for lists with sizes. */
export const LIST_V2 = { accept: "application/vnd.x.restic.rest.v2" };

/** How a request is made. */
interface RequestOptions {
  readonly body?: Uint8Array | string;
  readonly headers?: Record<string, string | number>;
  /** `name:password`. */
  readonly user?: string;
  /** Sends the body without telling its length. */
  readonly chunked?: boolean;
}

/** A server and its folder; disposing ends and removes both. */
export class Served implements AsyncDisposable {
  readonly folder: string;
  readonly problems: string[] = [];
  #server: RunningServer & ServedPlace | undefined;

  constructor(folder: string) {
    this.folder = folder;
  }

  get server(): RunningServer & ServedPlace {
    return this.#server!;
  }

  get port(): number {
    return Number(this.server.address.split(":").at(-1));
  }

  async start(options: Partial<ServerOptions> = {}): Promise<void> {
    const onProblem = (message: string) => void this.problems.push(message);
    this.#server = await startOpenServer(this.folder, { onProblem, ...options });
  }

  async stop(graceMs = 1000): Promise<void> {
    await this.#server?.close(graceMs);
    this.#server = undefined;
  }

  /** One request on a connection of its own. */
  request(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const { user, chunked } = options;
    const body = typeof options.body === "string" ? new TextEncoder().encode(options.body) : options.body;
    const headers = {
      ...(user !== undefined && { authorization: `Basic ${btoa(user)}` }),
      ...(chunked ? { "transfer-encoding": "chunked" } : body && { "content-length": body.length }),
      ...options.headers,
    };
    return requestOnce({ port: this.port, method, path, headers, body });
  }

  /** Makes a repository. */
  async create(repository: string, options: RequestOptions = {}): Promise<void> {
    const { status } = await this.request("POST", `/${repository}/?create=true`, options);
    if (status !== 200) throw new Error(`create answered ${status}`);
  }

  /** Stores content as a pack; gives its path in the URL and the answer's status. */
  async put(
    repository: string,
    content: Uint8Array,
    options: RequestOptions = {},
  ): Promise<{ path: string; status: number }> {
    const path = `/${repository}/data/${nameOf(content)}`;
    const { status } = await this.request("POST", path, { ...options, body: content });
    return { path, status };
  }

  /** The value of a metric, by its name and labels as they stand in the text. */
  async metric(name: string): Promise<number | undefined> {
    const { text } = await this.request("GET", "/metrics");
    const line = text.split("\n").find((line) => line.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.slice(name.length + 1));
  }

  /** A connection that speaks for itself, from an address of this machine. */
  async dial(localAddress = "127.0.0.1"): Promise<RawConnection> {
    const socket = connect({ host: "127.0.0.1", port: this.port, localAddress });
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return new RawConnection(socket);
  }

  /** Paths of all files below the folder. */
  files(): Promise<string[]> {
    return filesBelow(this.folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(0);
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** A socket whose text is written and read as it is. */
export class RawConnection implements Disposable {
  readonly socket: Socket;
  /** What came so far. */
  text = "";
  readonly #closed: Promise<void>;
  #notify: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("data", (data: Uint8Array) => {
      this.text += new TextDecoder("latin1").decode(data);
      this.#notify();
    });
    this.#closed = new Promise((resolve) => socket.once("close", () => resolve()));
  }

  send(text: string | Uint8Array): void {
    this.socket.write(text);
  }

  /** Waits until the server closed; gives all that came. */
  async closed(): Promise<string> {
    await this.#closed;
    return this.text;
  }

  /** Waits until so many answers have begun. */
  async answers(count: number): Promise<string> {
    while ((this.text.match(/HTTP\/1\.1 \d/g) ?? []).length < count) {
      await new Promise<void>((resolve) => this.#notify = resolve);
    }
    return this.text;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** A folder with a server on it. */
export async function served(options: Partial<ServerOptions> = {}): Promise<Served> {
  const served = await servedFolder();
  await served.start(options);
  return served;
}

/** A folder whose server is yet to be started. */
export async function servedFolder(): Promise<Served> {
  return new Served(await Deno.makeTempDir({ prefix: "agent-server-", ...(QUICK_FOLDER && { dir: QUICK_FOLDER }) }));
}

const QUICK_FOLDER = await Deno.stat("/dev/shm").then(() => "/dev/shm", () => undefined);

/** The name of content: its SHA-256. */
export function nameOf(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** Bytes that differ from those of other seeds. */
export function contentOf(seed: number, length = 1000): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0, state = seed + 1; i < length; i++) bytes[i] = (state = Math.imul(state, 48271) ^ i) >>> 8;
  return bytes;
}

/** Waits until something holds; the runner's own limit ends a wait in vain. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!await holds()) await systemClock.sleep(5);
}
