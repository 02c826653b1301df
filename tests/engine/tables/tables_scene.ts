/** Backups of tables of a MariaDB server in a repository in memory. */
import type { EngineSource, EngineTarget } from "../../../src/engine/engine.ts";
import { type Driven, EngineRegistry } from "../../../src/engine/engine_urls.ts";
import { createTablesEngine } from "../../../src/engine/tables/tables_engine.ts";
import { put, type PutOptions, type PutRequest, type PutResult } from "../../../src/ops/put.ts";
import { withBackup } from "../../../src/ops/restore/get.ts";
import type { ReplayOptions, ReplayResult } from "../../../src/ops/restore/replay.ts";
import { BytesSource, putRequest } from "../../helpers/world.ts";
import { MysqlScene } from "../mysql/mysql_scene.ts";

/** What a backup or a restore is done with. */
type Options<T> = Partial<T> & { readonly user?: string; readonly signal?: AbortSignal };

/** A server, and the engine `tables`. */
export class MysqlTablesScene implements AsyncDisposable {
  readonly scene: MysqlScene;
  readonly engines = new EngineRegistry();

  private constructor(scene: MysqlScene) {
    this.scene = scene;
    const environment = { ...Deno.env.toObject(), HOME: scene.directory.path };
    this.engines.register("tables", createTablesEngine({ environment, temporaryFolder: scene.directory.path }));
  }

  /** Starts the server. */
  static async make(...given: Parameters<typeof MysqlScene.make>): Promise<MysqlTablesScene> {
    return new MysqlTablesScene(await MysqlScene.make(...given));
  }

  /** The source at a URL; `rest` is what follows the host: `/shop?table=*`. */
  source(rest: string, user?: string): Driven<EngineSource> {
    return this.engines.source(`tables:${this.scene.url(rest, user)}`);
  }

  /** Backs up what a URL names, or a source. */
  put(
    what: string | Driven<EngineSource>,
    { user, ...options }: Options<PutOptions & PutRequest> = {},
  ): Promise<PutResult> {
    const { world, access } = this.scene;
    world.clock.jump(60_000);
    const { signal = new AbortController().signal, onStderr, ...overrides } = options;
    const driven = typeof what === "string" ? this.source(what, user) : what;
    const request = { ...putRequest(new BytesSource(new Uint8Array(0))), ...overrides, input: { driven } };
    return put(access, request, { world, signal, onStderr });
  }

  /** Restores the newest backup. */
  get(
    rest: string,
    { user, signal = new AbortController().signal, selector = "prod/shop", ...options }:
      & Options<ReplayOptions>
      & { readonly selector?: string } = {},
  ): Promise<ReplayResult> {
    const target: Driven<EngineTarget> = this.engines.target(`tables:${this.scene.url(rest, user)}`);
    const { world, access } = this.scene;
    return withBackup(
      access,
      { selector, noLock: false },
      { world, signal },
      ({ replay }) => replay(target, { overwrite: false, ...options }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scene[Symbol.asyncDispose]();
  }
}
