/** A PostgreSQL server, a repository in memory, and backups of the one in the other. */
import { equal } from "node:assert/strict";
import type { EngineSource, EngineTarget } from "../../../src/engine/engine.ts";
import { type Driven, EngineRegistry } from "../../../src/engine/engine_urls.ts";
import { createPostgresqlEngine } from "../../../src/engine/postgresql/postgresql_engine.ts";
import type { RepositoryAccess } from "../../../src/ops/access.ts";
import { put, type PutOptions, type PutRequest, type PutResult } from "../../../src/ops/put.ts";
import { withBackup } from "../../../src/ops/restore/get.ts";
import type { ReplayOptions, ReplayResult } from "../../../src/ops/restore/replay.ts";
import { openRepository } from "../../../src/repository/repository.ts";
import { loadSnapshots } from "../../../src/repository/snapshots.ts";
import type { BlobStore } from "../../../src/store/store.ts";
import { POSTGRES_PROGRAMS, PostgresServer } from "../../helpers/postgres.ts";
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
export const SCENE_PROGRAMS = [...POSTGRES_PROGRAMS, "pg_dump", "pg_dumpall", "pg_restore"] as const;

type Programs = Readonly<Record<typeof SCENE_PROGRAMS[number], string>>;
type RestoreOptions = ReplayOptions & { readonly signal: AbortSignal };
type Options<T> = Partial<T> & { readonly user?: string; readonly env?: Record<string, string> };

/** Everything that a backup of a server needs. */
export class PostgresqlScene implements AsyncDisposable {
  readonly server: PostgresServer;
  /** An empty home, and a place for private folders. */
  readonly directory: TestDirectory;
  readonly world: FakeWorld;
  readonly access: RepositoryAccess;
  readonly #programs: Programs;
  readonly #store: BlobStore;

  private constructor(
    server: PostgresServer,
    { directory, world, store, programs }: {
      directory: TestDirectory;
      world: FakeWorld;
      store: BlobStore;
      programs: Programs;
    },
  ) {
    this.#store = store;
    this.server = server;
    this.directory = directory;
    this.world = world;
    this.access = accessTo(store);
    this.#programs = programs;
  }

  /** Starts the server. */
  static async make(programs: Programs): Promise<PostgresqlScene> {
    const world = fakeWorld();
    const { store } = await memoryRepository(world);
    const server = await PostgresServer.start(programs);
    return new PostgresqlScene(server, { directory: new TestDirectory(), world, store, programs });
  }

  /** The URL of the server; `rest` is what follows the host: `/shop?format=plain`. */
  url(rest: string, user = "postgres"): string {
    const [path, query] = rest.split("?");
    return `postgresql://${user}@${encodeURIComponent(this.server.folder)}${path}${query ? `?${query}` : ""}`;
  }

  /** Backs up what a URL names. */
  put(rest: string, { user, env, ...options }: Options<PutOptions & PutRequest> = {}): Promise<PutResult> {
    return this.putDriven(this.registry(env).source(this.url(rest, user)), options);
  }

  /** Backs up a source of the engine. */
  putDriven(driven: Driven<EngineSource>, options: Partial<PutOptions & PutRequest> = {}): Promise<PutResult> {
    this.world.clock.jump(60_000);
    const { signal = new AbortController().signal, onStderr, ...overrides } = options;
    const request = { ...putRequest(new BytesSource(new Uint8Array(0))), ...overrides, input: { driven } };
    return put(this.access, request, { world: this.world, signal, onStderr });
  }

  /** Backs up bytes as if they came from a pipe. */
  pipe(bytes: Uint8Array<ArrayBuffer>): Promise<PutResult> {
    this.world.clock.jump(60_000);
    return put(this.access, putRequest(new BytesSource(bytes), { guard: "auto" }), { world: this.world });
  }

  /** Restores the newest backup into this server. */
  get(rest: string, { user, env, ...options }: Options<RestoreOptions> = {}): Promise<ReplayResult> {
    return this.getDriven(this.registry(env).target(this.url(rest, user)), options);
  }

  /** Restores the newest backup into a target, which may be another server. */
  getDriven(target: Driven<EngineTarget>, options: Partial<RestoreOptions> = {}): Promise<ReplayResult> {
    const { signal = new AbortController().signal, ...others } = options;
    return withBackup(
      this.access,
      { selector: "prod/shop", noLock: false },
      { world: this.world, signal },
      ({ replay }) => replay(target, { overwrite: false, ...others }),
    );
  }

  /** The bytes of one stream of a backup. */
  read(path: string, selector = "prod/shop"): Promise<Uint8Array<ArrayBuffer>> {
    return withBackup(this.access, { selector, noLock: false }, { world: this.world }, async ({ find, read }) => {
      const pieces: Uint8Array<ArrayBuffer>[] = [];
      await read(await find(path), { write: (bytes) => Promise.resolve(void pieces.push(bytes.slice())) });
      return new Uint8Array(await new Blob(pieces).arrayBuffer());
    });
  }

  /** The identifiers of all backups. */
  async backups(): Promise<readonly string[]> {
    const repository = await openRepository(this.#store, { password: PASSWORD, randomBytes: this.world.randomBytes });
    return (await loadSnapshots(repository.files)).snapshots.map(({ id }) => id);
  }

  /** Runs a program of PostgreSQL on this server; returns what it prints. */
  async run(name: typeof SCENE_PROGRAMS[number], ...args: string[]): Promise<Uint8Array<ArrayBuffer>> {
    const all = [...this.server.connection, ...args];
    const { code, stdout, stderr } = await new Deno.Command(this.#programs[name], { args: all }).output();
    equal(code, 0, new TextDecoder().decode(stderr));
    return stdout;
  }

  /** Everything in a database, as text that is the same whenever it is dumped. */
  async content(database: string): Promise<string> {
    const text = new TextDecoder().decode(await this.run("pg_dump", `--dbname=dbname='${database}'`));
    return text.replaceAll(/^\\(?:un)?restrict .*$/gm, "");
  }

  /** What is left in the folder for private files. */
  async leftovers(): Promise<string[]> {
    return (await Array.fromAsync(Deno.readDir(this.directory.path))).map(({ name }) => name);
  }

  /** The engine under both of its schemes; `env` replaces variables of the environment. */
  registry(env: Record<string, string> = {}): EngineRegistry {
    const environment = { ...Deno.env.toObject(), HOME: this.directory.path, ...env };
    const registry = new EngineRegistry();
    const engine = createPostgresqlEngine({ environment, temporaryFolder: this.directory.path });
    registry.register("postgresql", engine, ["postgres"]);
    return registry;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.directory[Symbol.asyncDispose]();
  }
}
