/** Puts texts of anybody's choice into a repository, sealed and named as the real ones are, and takes them out again. */
import { encodeHex } from "../../src/base/hex.ts";
import { asId, type BlobId, type SnapshotId } from "../../src/base/id.ts";
import { sha256Hex } from "../../src/crypto/digest.ts";
import { encodeSnapshot } from "../../src/format/snapshot.ts";
import { encodeTree } from "../../src/format/tree/tree.ts";
import { readBlob } from "../../src/repository/pack/pack_reader.ts";
import { loadIndex } from "../../src/repository/index/index_files.ts";
import { BlobSet } from "../../src/repository/index/blob_index.ts";
import { PackWriter } from "../../src/repository/pack/pack_writer.ts";
import type { IndexedRepository, UnlockedRepository } from "../../src/repository/repository.ts";
import { loadSnapshots, type StoredSnapshot } from "../../src/repository/snapshots.ts";
import { readTree } from "../../src/repository/tree/trees.ts";
import type { FileName } from "../../src/store/store.ts";
import { allFiles, fakeWorld } from "../helpers/world.ts";
import { locked } from "../helpers/locked.ts";

/** The kinds of JSON that a repository holds. */
export const FORGED_KINDS = ["snapshot", "index", "tree", "manifest", "lock", "key", "config"] as const;
type ForgedKind = typeof FORGED_KINDS[number];

/** A repository that is damaged and mended again and again. */
export class Forgery {
  readonly #repository: UnlockedRepository;
  readonly #files: ReadonlyMap<string, { readonly file: FileName; readonly bytes: Uint8Array }>;

  private constructor(repository: UnlockedRepository, files: Map<string, { file: FileName; bytes: Uint8Array }>) {
    this.#repository = repository;
    this.#files = files;
  }

  /** Remembers the repository as it is. */
  static async of(repository: UnlockedRepository): Promise<Forgery> {
    const files = new Map<string, { file: FileName; bytes: Uint8Array }>();
    for (const file of await allFiles(repository.store)) {
      files.set(`${file.kind}/${file.name}`, { file, bytes: await repository.store.get(file) });
    }
    return new Forgery(repository, files);
  }

  /** Puts what `change` makes of a text of the kind in its place. */
  async forge(kind: ForgedKind, change: (text: string) => string): Promise<void> {
    const { store, files } = this.#repository;
    const changed = (bytes: Uint8Array) => new TextEncoder().encode(change(new TextDecoder().decode(bytes)));
    const newest = await this.#newest();
    switch (kind) {
      case "snapshot":
        await files.save("snapshot", changed(await files.load("snapshot", newest.id)));
        return await files.remove("snapshot", newest.id);
      case "index": {
        const [file] = (await allFiles(store)).filter((file) => file.kind === "index");
        await files.save("index", changed(await files.load("index", file!.name as never)));
        return await store.remove(file!);
      }
      case "lock": {
        const lock = { time: new Date().toISOString(), exclusive: false, hostname: "x", username: "y", pid: 1, uid: 1 };
        const agent = { processTable: "x", processStarted: 1 };
        await files.save("lock", changed(new TextEncoder().encode(JSON.stringify({ ...lock, agent }))));
        return;
      }
      case "key":
        return await this.#replace("key", changed);
      case "config": {
        const { sealer } = this.#repository;
        const config = { kind: "config", name: "config" } as const;
        const text = changed(sealer.open(await store.get(config), "config"));
        await store.remove(config);
        return await store.put(config, [sealer.seal(text)]);
      }
      case "tree": {
        const indexed = await this.#indexed();
        const root = await this.#addBlob(
          indexed,
          "tree",
          changed(await readBlob(indexed, "tree", hex(newest.snapshot.tree))),
        );
        return await this.#pointTo(newest, root, undefined);
      }
      case "manifest":
        return await this.#forgeManifest(newest, changed);
    }
  }

  /** Makes the repository what it was. */
  async mend(): Promise<void> {
    const { store } = this.#repository;
    const there = new Set<string>();
    for (const file of await allFiles(store)) {
      const name = `${file.kind}/${file.name}`;
      const known = this.#files.get(name);
      if (known === undefined || file.kind === "config") await store.remove(file);
      else there.add(name);
    }
    for (const [name, { file, bytes }] of this.#files) if (!there.has(name)) await store.put(file, [bytes]);
  }

  async #replace(kind: "key", changed: (bytes: Uint8Array) => Uint8Array): Promise<void> {
    const { store } = this.#repository;
    const [file] = (await allFiles(store)).filter((candidate) => candidate.kind === kind);
    const bytes = changed(await store.get(file!));
    await store.remove(file!);
    await store.put({ kind, name: sha256Hex(bytes) }, [bytes]);
  }

  async #forgeManifest(newest: StoredSnapshot, changed: (bytes: Uint8Array) => Uint8Array): Promise<void> {
    const indexed = await this.#indexed();
    const parent = hex(newest.snapshot.tree);
    const nodes = [...await readTree(indexed, encodeHex(parent) as BlobId)];
    const at = nodes.findIndex(({ type }) => type === "file");
    const text = changed(await readBlob(indexed, "data", nodes[at]!.content!));
    const id = await this.#addBlob(indexed, "data", text);
    nodes[at] = { ...nodes[at]!, content: hex(id), size: text.length };
    await this.#pointTo(newest, await this.#addBlob(indexed, "tree", encodeTree(nodes)), sha256Hex(text));
  }

  async #pointTo({ id, snapshot }: StoredSnapshot, tree: BlobId, manifest: string | undefined): Promise<void> {
    const { files } = this.#repository;
    const { tree: _, ...agent } = snapshot.agent!;
    const forged = {
      ...snapshot,
      tree,
      agent: manifest === undefined ? agent : { ...agent, manifest: manifest as never },
    };
    await files.save("snapshot", encodeSnapshot(forged));
    await files.remove("snapshot", id);
  }

  async #addBlob(indexed: IndexedRepository, type: "tree" | "data", bytes: Uint8Array): Promise<BlobId> {
    const { clock, randomBytes } = fakeWorld("forgery");
    const writer = new PackWriter({
      repository: locked(this.#repository),
      index: new BlobSet(indexed.index),
      clock,
      randomBytes,
    });
    const id = await writer.addPlaintext(type, bytes);
    await writer.finish();
    return asId<BlobId>(encodeHex(id));
  }

  async #newest(): Promise<StoredSnapshot> {
    return (await loadSnapshots(this.#repository.files)).snapshots.at(-1)!;
  }

  async #indexed(): Promise<IndexedRepository> {
    return { ...this.#repository, index: await loadIndex(this.#repository.files) };
  }
}

function hex(id: BlobId | SnapshotId): Uint8Array {
  return Uint8Array.fromHex(id);
}
