/** A repository with made index files, and an index on disk that is worth its while however small they are. */
import type { IndexedPack } from "../../../../src/format/index/index_file.ts";
import { encodeIndex } from "../../../helpers/encode_index.ts";
import type { IndexId } from "../../../../src/base/id.ts";
import {
  type ExistenceTools,
  type LoadedExistence,
  loadExistenceAhead,
} from "../../../../src/repository/index/sorted/load_existence.ts";
import type { UnlockedRepository } from "../../../../src/repository/repository.ts";
import { SORTED_FOLDER } from "../../../../src/store/cache/cache_entry.ts";
import type { AgentError } from "../../../../src/base/errors.ts";
import { TestDirectory } from "../../../helpers/test_directory.ts";
import { fakeWorld, memoryRepository, noise } from "../../../helpers/world.ts";

/** The id of the blob with this number. */
export function blobId(number: number): Uint8Array<ArrayBuffer> {
  return ids[number] ??= noise(32, `blob ${number}`);
}

const ids: Uint8Array<ArrayBuffer>[] = [];

/** A pack with blobs by their numbers; every tenth is a tree. */
export function packOf(number: number, blobs: readonly number[]): IndexedPack {
  return {
    id: noise(32, `pack ${number}`),
    blobs: blobs.map((blob, i) => ({
      type: isTree(blob) ? "tree" : "data",
      id: blobId(blob),
      offset: i * 1000,
      length: 100 + blob % 900,
      uncompressedLength: blob % 3 === 0 ? 0 : 5000 + blob,
    })),
  };
}

/** Whether the blob with this number is a tree. */
export function isTree(blob: number): boolean {
  return blob % 10 === 0;
}

/** What a scene needs beyond the usual. */
type SceneTools =
  & Partial<Pick<ExistenceTools, "files" | "names" | "onUnreadable" | "place" | "rowsAtOnce" | "signal">>
  & {
    readonly mostMissingBytes?: number;
    readonly confirmed?: Promise<unknown>;
  };

/** A repository in memory and a cache directory. */
export class SortedScene implements AsyncDisposable {
  readonly directory = new TestDirectory();
  readonly world = fakeWorld("index on disk");
  readonly problems: AgentError[] = [];
  readonly repository: UnlockedRepository;

  static async make(seed = "index on disk"): Promise<SortedScene> {
    return new SortedScene((await memoryRepository(fakeWorld(seed))).repository);
  }

  private constructor(repository: UnlockedRepository) {
    this.repository = repository;
  }

  /** The folder of the index on disk. */
  get folder(): string {
    return `${this.directory.path}/${this.repository.config.id}/${SORTED_FOLDER}`;
  }

  /** The names in that folder. */
  get names(): string[] {
    return Array.from(Deno.readDirSync(this.folder), ({ name }) => name).sort();
  }

  /** Stores an index file. */
  async save(packs: readonly IndexedPack[]): Promise<IndexId> {
    return await this.repository.files.save("index", encodeIndex(packs));
  }

  get cache() {
    const { clock, randomBytes: random } = this.world;
    const onProblem = (problem: AgentError) => void this.problems.push(problem);
    return {
      directory: this.directory.path,
      repositoryId: this.repository.config.id,
      limitBytes: 1e9,
      clock,
      random,
      onProblem,
    };
  }

  /** Loads the index as a put does; without `place`, without the index on disk. */
  async load(
    { mostMissingBytes = 0, confirmed = Promise.resolve(), ...tools }: SceneTools = {},
  ): Promise<LoadedExistence> {
    const { files, keys, sealer } = this.repository;
    return await loadExistenceAhead(confirmed, {
      files,
      keys,
      sealer,
      random: this.world.randomBytes,
      signal: new AbortController().signal,
      names: [],
      place: { cache: this.cache, worthBytes: 0, mostMissingBytes },
      ...tools,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.directory[Symbol.asyncDispose]();
  }
}
