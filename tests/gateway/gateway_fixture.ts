/** A gateway in this process on a repository in memory, in a world whose clock a test moves. */
import { Buffer } from "node:buffer";
import type { Backup } from "../../src/backup/backup.ts";
import type { UrlKey } from "../../src/crypto/url_key.ts";
import { startGateway } from "../../src/gateway/gateway.ts";
import { signUrl, type UrlKind } from "../../src/gateway/signed_url.ts";
import type { RepositoryAccess } from "../../src/ops/access.ts";
import { raiseGeneration } from "../../src/ops/gateway/raise_generation.ts";
import { UrlKeys } from "../../src/ops/gateway/url_keys.ts";
import { openRepository } from "../../src/repository/repository.ts";
import type { RunningServer } from "../../src/server/connection/http_service.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { type Answer, requestOnce } from "../helpers/http_request.ts";
import {
  accessTo,
  type FakeWorld,
  fakeWorld,
  IDENTITY,
  memoryRepository,
  PASSWORD,
  putBytes,
  type PutOverrides,
} from "../helpers/world.ts";

type Options = Partial<Parameters<typeof startGateway>[1]>;

/** How a URL is made. */
interface UrlRequest {
  readonly kind?: UrlKind;
  readonly path: readonly string[];
  readonly seconds?: number;
  /** The repository's own by default. */
  readonly key?: UrlKey;
}

/** A repository and its gateway. Disposal ends the gateway. */
export class GatewayScene implements AsyncDisposable {
  readonly world: FakeWorld = fakeWorld();
  readonly problems: string[] = [];
  readonly log: string[] = [];
  #store: BlobStore | undefined;
  #running: RunningServer | undefined;

  /** Makes the repository, and begins the first generation of keys unless told not to. */
  async init({ withKeys = true } = {}): Promise<void> {
    const { store } = await memoryRepository(this.world);
    this.#store = store;
    if (withKeys) await this.revoke();
  }

  get store(): BlobStore {
    return this.#store!;
  }

  get access(): RepositoryAccess {
    return accessTo(this.store);
  }

  get port(): number {
    return Number(this.#running!.places[0]!.address.split(":").at(-1));
  }

  async start(options: Options = {}, access: RepositoryAccess = this.access): Promise<void> {
    this.#running = await startGateway(access, {
      listen: [{ kind: "tcp", host: "127.0.0.1", port: 0 }],
      allowPlainToOthers: false,
      noLock: false,
      // Otherwise the clock, which passes over short sleeps, would never stand still.
      patience: { lingerMs: 60_000 },
      world: this.world,
      onProblem: (message) => this.problems.push(message),
      writeLog: (lines) => Promise.resolve(void this.log.push(lines)),
      ...options,
    });
  }

  async stop(graceMs = 0): Promise<void> {
    await this.#running?.close(graceMs);
    this.#running = undefined;
  }

  /** Begins a generation of keys. */
  async revoke(): Promise<void> {
    await raiseGeneration(this.access, { world: this.world, host: IDENTITY.hostname });
  }

  /** Backs up a stream. */
  async put(bytes: Uint8Array, overrides: PutOverrides = {}): Promise<Backup> {
    return (await putBytes(this.access, this.world, bytes, overrides)).backup;
  }

  /** The path and query of a URL. */
  async url(
    { snapshotId }: Pick<Backup, "snapshotId">,
    { kind = "stream", path, seconds = 60, key: given }: UrlRequest,
  ): Promise<string> {
    const key = given ?? await this.#key();
    const expiresMs = (Math.floor(this.world.clock.now().getTime() / 1000) + seconds) * 1000;
    return signUrl(key, "http://a/", { snapshot: snapshotId, kind, path, expiresMs }).slice("http://a".length);
  }

  async #key(): Promise<UrlKey> {
    const repository = await openRepository(this.store, { password: PASSWORD, randomBytes: this.world.randomBytes });
    const openIndex = () => Promise.reject(new Error("The tags say it"));
    return (await new UrlKeys({ repository, openIndex, clock: this.world.clock }).current())[0]!;
  }

  /** One request. */
  ask(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> {
    return requestOnce({ port: this.port, method, path, headers });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** A gateway that runs. */
export async function gatewayScene(options: Options = {}): Promise<GatewayScene> {
  const scene = new GatewayScene();
  await scene.init();
  await scene.start(options);
  return scene;
}

/** Hexadecimal digits as base64. */
export function base64Of(hex: string): string {
  return Buffer.from(hex, "hex").toString("base64");
}
