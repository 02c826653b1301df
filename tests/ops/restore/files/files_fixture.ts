/** Trees in a repository in memory, restored into a directory of this machine. */
import { encodeHex } from "../../../../src/base/hex.ts";
import type { BlobId } from "../../../../src/base/id.ts";
import { makeNode } from "../../../../src/format/tree/node.ts";
import { encodeTree } from "../../../../src/format/tree/tree.ts";
import { saveSnapshot } from "../../../helpers/snapshots.ts";
import { write } from "../../check_forging.ts";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CacheAccess } from "../../../../src/ops/access.ts";
import type { FileSystem } from "../../../../src/filesystem/file_system.ts";
import { openFileSystem } from "../../../../src/filesystem/open_file_system.ts";
import { DIR_MODE_0755, GoFileMode } from "../../../../src/format/tree/file_mode.ts";
import type { Decision } from "../../../../src/ops/restore/files/decision.ts";
import { restoreFiles, type RestoreRequest } from "../../../../src/ops/restore/files/restore_files.ts";
import type { RestoreResult } from "../../../../src/ops/restore/files/restore_tree.ts";
import { restoreHandlers } from "../../../../src/ops/restore/files/target/restore_target.ts";
import type { Problem, RestoreCalls, RestoreThread } from "../../../../src/ops/restore/files/target_calls.ts";
import { withFoundBackup } from "../../../../src/ops/restore/get.ts";
import { ForwardingStore } from "../../../../src/store/forwarding.ts";
import type { BlobStore } from "../../../../src/store/store.ts";
import { accessTo, fakeWorld } from "../../../helpers/world.ts";
import { plant, type Planted } from "../../archive_fixture.ts";
import { backupsOf, type Checked, threeBackups } from "../../check_fixture.ts";

/** Opened once: a library that a test opens must be closed by it. */
export const FILES = openFileSystem();

/** A directory for one test. */
export class Place implements Disposable {
  /** Its path. */
  readonly path = mkdtempSync(join(tmpdir(), "agent-restore-"));

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  /** A path below it. */
  at(...names: string[]): string {
    return join(this.path, ...names);
  }
}

/** What came of a restore. */
interface Restored {
  /** Null after a failure. */
  readonly result: RestoreResult | null;
  readonly error: unknown;
  readonly problems: readonly string[];
  readonly damages: readonly string[];
  /** `action path: reason` of a dry run. */
  readonly plan: readonly string[];
}

/** A store that says it is at a place of this machine. */
class PlacedStore extends ForwardingStore {
  readonly #place: string;

  constructor(inner: BlobStore, place: string) {
    super(inner);
    this.#place = place;
  }

  override get location(): string {
    return this.#place;
  }
}

/** How a restore is run. */
interface RestoreSetup extends Partial<RestoreRequest> {
  readonly files?: () => FileSystem;
  /** Called before each call to the thread. */
  readonly beforeCall?: (name: keyof RestoreCalls) => void;
  readonly signal?: AbortSignal;
  /** Where the repository says that it is. */
  readonly repository?: string;
  /** The cache of this machine; there is none by default. */
  readonly cache?: CacheAccess;
  /** Wraps the store. */
  readonly through?: (store: BlobStore) => BlobStore;
}

/** A backup of these entries, as another tool makes it. */
export async function backupOf(entries: readonly Planted[]): Promise<PlantedBackup> {
  const checked = await threeBackups();
  return { checked, id: await plant(checked, entries) };
}

/**
 * A backup whose root has a name twice, as no honest program writes it: a link to a directory, and a directory of the
 * same name with a file in it.
 */
export async function backupWithTwins(linkTarget: string): Promise<PlantedBackup> {
  const checked = await threeBackups();
  const root = await write(checked, async (writer) => {
    const content = await writer.addPlaintext("data", new TextEncoder().encode("escaped"));
    const below = await writer.addPlaintext(
      "tree",
      encodeTree([makeNode({ name: "escaped", type: "file", size: 7, content })]),
    );
    const subtree = encodeHex(below) as BlobId;
    const nodes = [
      makeNode({ name: "a", type: "symlink", linkTarget }),
      makeNode({ name: "b", type: "dir", mode: DIR_MODE_0755, subtree }),
    ];
    const text = new TextDecoder().decode(encodeTree(nodes)).replace('"name":"b"', '"name":"a"');
    return await writer.addPlaintext("tree", new TextEncoder().encode(text));
  });
  const [like] = await backupsOf(checked, "blog");
  const tree = encodeHex(root) as BlobId;
  const id = await saveSnapshot(checked.repository.files, { ...like!, agent: null, paths: ["/planted"], tree });
  return { checked, id };
}

/** A backup to be restored. */
export interface PlantedBackup {
  readonly checked: Checked;
  readonly id: string;
}

/** Restores a backup into a directory. */
export async function restoreInto(
  target: string,
  { checked, id }: PlantedBackup,
  { files = () => FILES, beforeCall, signal, repository, cache, through = (store) => store, ...request }: RestoreSetup =
    {},
): Promise<Restored> {
  const problems: string[] = [];
  const damages: string[] = [];
  const plan: string[] = [];
  const handlers = restoreHandlers(files);
  const thread: RestoreThread = {
    call(name, callRequest) {
      beforeCall?.(name);
      try {
        return Promise.resolve(handlers[name](structuredClone(callRequest)).response);
      } catch (error) {
        return Promise.reject(error);
      }
    },
  };
  const options = { world: fakeWorld("restore"), ...signal !== undefined && { signal } };
  const store = through(repository === undefined ? checked.store : new PlacedStore(checked.store, repository));
  let result: RestoreResult | null = null;
  let error: unknown = null;
  try {
    result = await withFoundBackup(
      { ...accessTo(store), listCache: () => Promise.resolve(cache) },
      { selector: `@${id}`, noLock: true },
      options,
      (found) => {
        const told = {
          onDecision: (path: string, { action, reason }: Decision) => void plan.push(`${action} ${path}: ${reason}`),
          onProblem: ({ message }: Problem, isDamage: boolean) => void (isDamage ? damages : problems).push(message),
        };
        return restoreFiles(found, { target, ...told, ...request }, thread);
      },
    );
  } catch (thrown) {
    error = thrown;
  }
  return { result, error, problems, damages, plan };
}

/** The same; throws what the restore throws. */
export async function restored(...args: Parameters<typeof restoreInto>): Promise<Restored & { result: RestoreResult }> {
  const outcome = await restoreInto(...args);
  if (outcome.result === null) throw outcome.error;
  return { ...outcome, result: outcome.result };
}

/** A file of these chunks, of this user. */
export function file(name: string, ...chunks: readonly Uint8Array[]): Planted {
  return { name, chunks, uid: Deno.uid()!, gid: Deno.gid()! };
}

/** A directory of this user. */
export function directory(name: string, ...entries: readonly Planted[]): Planted {
  return { name, entries, uid: Deno.uid()!, gid: Deno.gid()! };
}

/** A symbolic link of this user. */
export function link(name: string, linkTarget: string): Planted {
  return { name, type: "symlink", mode: GoFileMode.symlink | 0o777, linkTarget, uid: Deno.uid()!, gid: Deno.gid()! };
}
