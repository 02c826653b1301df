/** Repositories for restores on trial, and what such restores leave behind. */
import { builtInEngines } from "../../../src/engine/built_in.ts";
import type { ClientMachine } from "../../../src/engine/client/machine.ts";
import type { RepositoryAccess } from "../../../src/ops/access.ts";
import { listBackups } from "../../../src/ops/list.ts";
import { put } from "../../../src/ops/put.ts";
import {
  type RestoreReport,
  verifyRestore,
  type VerifyRestoreRequest,
} from "../../../src/ops/restore/verify_restore.ts";
import { parseValueExpectation } from "../../../src/policy/query_check.ts";
import { TestDirectory } from "../../helpers/test_directory.ts";
import {
  accessTo,
  BytesSource,
  type FakeWorld,
  fakeWorld,
  memoryRepository,
  putBytes,
  putRequest,
} from "../../helpers/world.ts";

/** A repository in memory, with a folder for scratch servers. */
export class Scene implements AsyncDisposable {
  readonly directory = new TestDirectory();
  readonly machine: ClientMachine;
  readonly engines;

  private constructor(readonly world: FakeWorld, readonly access: RepositoryAccess, path: string) {
    Deno.chmodSync(this.directory.path, 0o711); // A server runs as another user if root runs the tests.
    this.machine = { environment: { ...Deno.env.toObject(), PATH: path }, temporaryFolder: this.directory.path };
    this.engines = builtInEngines(this.machine);
  }

  static async make(path = Deno.env.get("PATH")!): Promise<Scene> {
    const world = fakeWorld();
    const { store } = await memoryRepository(world);
    return new Scene(world, accessTo(store), path);
  }

  putText(text: string, series = "prod/shop"): Promise<string> {
    return this.putDump(new TextEncoder().encode(text), series);
  }

  async putDump(bytes: Uint8Array<ArrayBuffer>, series = "prod/shop"): Promise<string> {
    this.world.clock.jump(60_000);
    const options = { series: series as never, guard: "auto" as const };
    return (await putBytes(this.access, this.world, bytes, options)).backup.id;
  }

  async putSource(url: string, series = "prod/shop"): Promise<void> {
    this.world.clock.jump(60_000);
    const request = putRequest(new BytesSource(new Uint8Array(0)), { series: series as never });
    const input = { driven: this.engines.source(url) };
    await put(this.access, { ...request, input }, { world: this.world, signal: new AbortController().signal });
  }

  verify(
    request: Partial<VerifyRestoreRequest> = {},
    signal = new AbortController().signal,
  ): Promise<RestoreReport> {
    this.world.clock.jump(60_000);
    const whole = { selector: "prod/shop", place: "scratch", queries: [], database: null, noLock: false, ...request };
    const { world, engines, machine } = this;
    return verifyRestore(this.access, whole, { world, engines, machine, signal });
  }

  async backups(series?: string) {
    const filter = series === undefined ? {} : { series };
    return (await listBackups(this.access, filter, { world: this.world })).backups;
  }

  leftovers(): unknown[] {
    const folders = [...Deno.readDirSync(this.directory.path)].map(({ name }) => name);
    return [...folders.filter((name) => name.startsWith("agent-private-")), ...runningBelow(this.directory.path)];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.directory[Symbol.asyncDispose]();
  }
}

/** The processes that work below a folder. */
export function runningBelow(folder: string): { readonly pid: number; readonly line: string }[] {
  return [...Deno.readDirSync("/proc")].filter(({ name }) => /^\d+$/.test(name)).flatMap(({ name }) => {
    try {
      const line = Deno.readTextFileSync(`/proc/${name}/cmdline`).replaceAll("\0", " ");
      return line.includes(folder) ? [{ pid: Number(name), line }] : [];
    } catch {
      return [];
    }
  });
}

/** A query with what it has to give. */
export const query = (sql: string, expected: string) => ({ sql, expected: parseValueExpectation(expected) });

/** A dump of MariaDB with these lines. */
export const MARIADB_DUMP = (...lines: string[]) =>
  "-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB, for debian-linux-gnu (x86_64)\n--\n" +
  "-- Host: localhost    Database: shop\n-- ------------------------------------------------------\n" +
  lines.map((line) => `${line}\n`).join("") + "-- Dump completed on 2026-11-29 11:06:45\n";

/** A dump of PostgreSQL with these lines. */
export const POSTGRESQL_DUMP = (...lines: string[]) =>
  "--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version 15.18\n-- Dumped by pg_dump version 15.18\n\n" +
  "SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n\n" +
  lines.map((line) => `${line}\n`).join("") + "\n--\n-- PostgreSQL database dump complete\n--\n\n";
