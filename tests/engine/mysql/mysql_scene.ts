/** A MariaDB server, a repository in memory, and backups of the one in the other. */
import { EngineRegistry } from "../../../src/engine/engine_urls.ts";
import { createMysqlEngine } from "../../../src/engine/mysql/mysql_engine.ts";
import type { RepositoryAccess } from "../../../src/ops/access.ts";
import { put, type PutOptions, type PutRequest, type PutResult } from "../../../src/ops/put.ts";
import { withBackup } from "../../../src/ops/restore/get.ts";
import type { ReplayOptions, ReplayResult } from "../../../src/ops/restore/replay.ts";
import { openRepository, type UnlockedRepository } from "../../../src/repository/repository.ts";
import type { BlobStore } from "../../../src/store/store.ts";
import { MARIADB_PROGRAMS, MariaDbServer } from "../../helpers/mariadb.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";
import {
  accessTo,
  BytesSource,
  type FakeWorld,
  fakeWorld,
  memoryRepository,
  PASSWORD,
  putRequest,
} from "../../helpers/world.ts";

/** The programs that a scene needs. */
export const SCENE_PROGRAMS = [...MARIADB_PROGRAMS, "mariadb-dump"] as const;

type Programs = Parameters<typeof MariaDbServer.start>[0];

/** Everything that a backup of a server needs. */
export class MysqlScene implements AsyncDisposable {
  readonly server: MariaDbServer;
  /** An empty home, and a place for private folders. */
  readonly directory: TestDirectory;
  readonly registry = new EngineRegistry();
  readonly world: FakeWorld;
  readonly access: RepositoryAccess;

  readonly #store: BlobStore;

  private constructor(server: MariaDbServer, directory: TestDirectory, world: FakeWorld, store: BlobStore) {
    this.server = server;
    this.#store = store;
    this.directory = directory;
    this.world = world;
    this.access = accessTo(store);
    const environment = { ...Deno.env.toObject(), HOME: directory.path };
    const machine = { environment, temporaryFolder: directory.path };
    this.registry.register("mysql", createMysqlEngine(machine), ["mariadb"]);
  }

  /** Starts the server, by default with a binary log. */
  static async make(programs: Programs, options: readonly string[] = ["--log-bin=binlog", "--server-id=7"]) {
    const world = fakeWorld();
    const { store } = await memoryRepository(world);
    return new MysqlScene(await MariaDbServer.start(programs, undefined, options), new TestDirectory(), world, store);
  }

  /** The URL of the server; `rest` is what follows the host: `/shop?users=no`. */
  url(rest: string, user = "root"): string {
    const [path, query] = rest.split("?");
    return `mysql://${user}@localhost${path}?socket=${encodeURIComponent(this.server.socket)}${
      query ? `&${query}` : ""
    }`;
  }

  /** Backs up what a URL names. */
  put(
    rest: string,
    { user, ...options }: Partial<PutOptions & PutRequest> & { user?: string } = {},
  ): Promise<PutResult> {
    this.world.clock.jump(60_000);
    const { signal = new AbortController().signal, onStderr, ...overrides } = options;
    const driven = this.registry.source(this.url(rest, user));
    const request = { ...putRequest(new BytesSource(new Uint8Array(0))), ...overrides, input: { driven } };
    return put(this.access, request, { world: this.world, signal, onStderr });
  }

  /** Restores the newest backup, or another one. */
  get(
    rest: string,
    { user, selector = "prod/shop", ...options }: Partial<ReplayOptions> & {
      user?: string;
      selector?: string;
      signal?: AbortSignal;
    } = {},
  ): Promise<ReplayResult> {
    const target = this.registry.target(this.url(rest, user));
    const { signal = new AbortController().signal } = options;
    return withBackup(
      this.access,
      { selector, noLock: false },
      { world: this.world, signal },
      ({ replay }) => replay(target, { overwrite: false, ...options }),
    );
  }

  /** The text of one stream of a backup. */
  read(path: string, selector = "prod/shop"): Promise<string> {
    return withBackup(this.access, { selector, noLock: false }, { world: this.world }, async ({ find, read }) => {
      const pieces: Uint8Array<ArrayBuffer>[] = [];
      await read(await find(path), { write: (bytes) => Promise.resolve(void pieces.push(bytes.slice())) });
      return await new Blob(pieces).text();
    });
  }

  /** The repository, opened. */
  async open(): Promise<UnlockedRepository> {
    return await openRepository(this.#store, { password: PASSWORD, randomBytes: this.world.randomBytes });
  }

  /** What is left in the folder for private files. */
  async leftovers(): Promise<string[]> {
    return (await Array.fromAsync(Deno.readDir(this.directory.path))).map(({ name }) => name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.directory[Symbol.asyncDispose]();
  }
}
