/**
 * Repositories that somebody with the key made to do harm: each is a good one with one thing added that is small in the
 * store and large, deep or endless for whoever reads it.
 */
import { zstdCompressSync } from "node:zlib";
import { encodeHex } from "../../src/base/hex.ts";
import { asId, type BlobId, type PackId } from "../../src/base/id.ts";
import { sha256, sha256Hex } from "../../src/crypto/digest.ts";
import { encodeIndex } from "../helpers/encode_index.ts";
import { makeNode, type Node } from "../../src/format/tree/node.ts";
import type { BlobType, PackedBlob } from "../../src/format/blob.ts";
import { encodePackHeader, encodePackTrailer } from "../../src/format/pack_header.ts";
import { encodeSnapshot, type Snapshot } from "../../src/format/snapshot.ts";
import { encodeTree } from "../../src/format/tree/tree.ts";
import type { UnlockedRepository } from "../../src/repository/repository.ts";
import { loadSnapshots } from "../../src/repository/snapshots.ts";
import { concat, noise } from "../helpers/world.ts";

/** One of them. */
interface MaliciousRepository {
  readonly name: string;
  /** Adds the evil thing to a repository of one backup, `shop`; gives what to get, where that is not the good backup. */
  readonly spoil: (repository: UnlockedRepository) => Promise<string | void>;
  /** Whether the good backup comes back all the same. */
  readonly isGoodReadable: boolean;
  /** What `check` says of it. */
  readonly finding: RegExp;
}

const MIB = 2 ** 20;

/** All of them. */
export const MALICIOUS_REPOSITORIES: readonly MaliciousRepository[] = [
  {
    name: "key files of rubbish, of enormous costs, and of a gigabyte",
    isGoodReadable: true,
    finding: /Key 0{63}\w cannot be read/,
    async spoil(repository) {
      const { store } = repository;
      const [good] = await Array.fromAsync(store.list("key"));
      const text = new TextDecoder().decode(await store.get({ kind: "key", name: good!.name }));
      const costs = [
        '"N":1048576,"r":8,"p":1',
        '"N":32768,"r":8,"p":1000',
        '"N":2,"r":1,"p":1000000',
        '"N":1,"r":0,"p":0',
      ];
      for (const cost of costs) await putNamed(repository, "key", utf8(text.replace(/"N":\d+,"r":\d+,"p":\d+/, cost)));
      await putNamed(repository, "key", noise(300, "key"));
      await putNamed(repository, "key", utf8("{}"));
      await putHole(repository, "keys", "0".repeat(64));
    },
  },
  {
    name: "index files of rubbish and of a gigabyte",
    isGoodReadable: true,
    finding: /Damaged index 0{64}: it has more than/,
    async spoil(repository) {
      await putNamed(repository, "index", noise(3000, "index"));
      await repository.files.save("index", utf8('{"packs":[{"id":"12"}]}'));
      await putHole(repository, "index", "0".repeat(64));
    },
  },
  {
    name: "an index of blanks",
    isGoodReadable: true,
    finding: /Damaged index \w+: cannot be decompressed/,
    async spoil(repository) {
      await putFrame(repository, "index", `{"packs":[${" ".repeat(400 * MIB)}]}`);
    },
  },
  {
    name: "an index of two million times the same blob",
    isGoodReadable: true,
    finding: /Damaged index \w+: cannot be decompressed/,
    async spoil(repository) {
      const blob = `{"id":"${"ab".repeat(32)}","type":"data","offset":0,"length":40}`;
      const blobs = Array<string>(2_000_000).fill(blob).join(",");
      await putFrame(repository, "index", `{"packs":[{"id":"${"cd".repeat(32)}","blobs":[${blobs}]}]}`);
    },
  },
  {
    name: "snapshots of millions of values, and of blanks",
    isGoodReadable: false,
    finding: /Damaged snapshot \w+: more than 1000000 values/,
    async spoil(repository) {
      const good = new TextDecoder().decode(encodeSnapshot(await goodSnapshot(repository)));
      for (let i = 0; i < 2; i++) {
        await putFrame(repository, "snapshot", good.replace("{", `{"x":[${"[],".repeat(1.2 * 10 ** 6)}${i}],`));
        await putFrame(repository, "snapshot", good.replace("{", `{"x":"${" ".repeat(100 * MIB)}${i}",`));
        const paths = Array<string>(700_000).fill('"ab"').join(",");
        await putFrame(repository, "snapshot", good.replace(/"paths":\[/, `"paths":["${i}",${paths},`));
      }
    },
  },
  {
    name: "locks of rubbish",
    isGoodReadable: false,
    finding: /Cannot tell who holds lock \w+: .*agent unlock --remove-all/,
    async spoil(repository) {
      await putNamed(repository, "lock", noise(300, "lock"));
      await putFrame(repository, "lock", `{"hostname":"${"x".repeat(200 * MIB)}"}`);
    },
  },
  {
    name: "blobs of four gigabytes",
    isGoodReadable: true,
    finding: /holds, by the index, blob \w+, which has 4294967294 bytes/,
    async spoil(repository) {
      const sealed = repository.sealer.seal(zstdCompressSync(new Uint8Array(64 * MIB)));
      const id = sha256(utf8("four gigabytes"));
      const blob = { id, type: "data", offset: 0, length: sealed.length, uncompressedLength: 2 ** 32 - 2 } as const;
      await putPack(repository, [{ blob, sealed }]);
      return await addSnapshot(repository, await addTree(repository, [file("data", [id], 2 ** 32 - 2)]));
    },
  },
  {
    name: "a tree that unpacks to more than the index says",
    isGoodReadable: true,
    finding: /Cannot decompress tree blob \w+/,
    async spoil(repository) {
      const sealed = repository.sealer.seal(zstdCompressSync(new Uint8Array(256 * MIB)));
      const id = sha256(utf8("more than the index says"));
      const blob = { id, type: "tree", offset: 0, length: sealed.length, uncompressedLength: 60 * MIB } as const;
      await putPack(repository, [{ blob, sealed }]);
      return await addSnapshot(repository, hex(id));
    },
  },
  {
    name: "directories that stand for 2^40 others",
    isGoodReadable: true,
    finding: /^OK/m,
    async spoil(repository) {
      let tree = await addTree(repository, [file("data", [], 0)]);
      for (let depth = 0; depth < 40; depth++) tree = await addTree(repository, [folder("a", tree), folder("b", tree)]);
      return await addSnapshot(repository, tree);
    },
  },
  {
    name: "directories 6,000 deep",
    isGoodReadable: true,
    finding: /lies more than 2048 directories deep/,
    async spoil(repository) {
      const blobs: PlainBlob[] = [];
      let tree = plainBlob("tree", encodeTree([file("data", [], 0)]));
      blobs.push(tree);
      for (let depth = 0; depth < 6000; depth++) {
        tree = plainBlob("tree", encodeTree([folder("d", hex(tree.id))]));
        blobs.push(tree);
      }
      await putBlobs(repository, blobs);
      return await addSnapshot(repository, hex(tree.id));
    },
  },
  {
    name: "a directory of two million entries",
    isGoodReadable: true,
    finding: /more than 300000 entries|more than the 67108864 that are read/,
    async spoil(repository) {
      const entries = Array.from({ length: 2_000_000 }, (_, i) => `{"name":"${i}","type":"file"}`).join(",");
      return await addSnapshot(repository, await addTreeText(repository, `{"nodes":[${entries}]}`));
    },
  },
  {
    name: "directories of 250,000 files that are none, three times",
    isGoodReadable: true,
    finding: /is a file without a content list/,
    async spoil(repository) {
      const folders: Node[] = [];
      for (let i = 0; i < 3; i++) {
        const entries = Array.from({ length: 250_000 }, (_, n) => `{"name":"${i}${n}","type":"file"}`).join(",");
        folders.push(folder(`${i}`, await addTreeText(repository, `{"nodes":[${entries}]}`)));
      }
      return await addSnapshot(repository, await addTree(repository, folders));
    },
  },
  {
    name: "a file of 8 MiB of zeros, 200,000 times",
    isGoodReadable: true,
    finding: /is said to have 1000 bytes/,
    async spoil(repository) {
      const zeros = plainBlob("data", new Uint8Array(8 * MIB));
      await putBlobs(repository, [zeros]);
      return await addSnapshot(
        repository,
        await addTree(repository, [file("data", Array(200_000).fill(zeros.id), 1000)]),
      );
    },
  },
  {
    name: "a manifest of 8 MiB of zeros, 100,000 times",
    isGoodReadable: false,
    finding: /its chunks are more than/,
    async spoil(repository) {
      const zeros = plainBlob("data", new Uint8Array(8 * MIB));
      await putBlobs(repository, [zeros]);
      const good = await goodSnapshot(repository);
      const name = "shop.manifest.json";
      const tree = await addTree(repository, [file(name, Array(100_000).fill(zeros.id), 8 * MIB * 100_000)]);
      await repository.files.save("snapshot", encodeSnapshot({ ...good, tree, time: later(good) }));
    },
  },
];

/** An index file as large as any that a repository of this program could have: a million blobs. */
export async function addMillionBlobs(repository: UnlockedRepository): Promise<void> {
  const blobs: PackedBlob[] = [];
  const ids = noise(32 * 1_000_000, "a million");
  for (let i = 0; i < 1_000_000; i++) {
    const id = ids.subarray(32 * i, 32 * (i + 1));
    blobs.push({ id, type: "data", offset: i * 4000, length: 4000, uncompressedLength: 10_000 });
  }
  await repository.files.save("index", encodeIndex([{ id: noise(32, "its pack"), blobs }]));
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function hex(id: Uint8Array): BlobId {
  return asId<BlobId>(encodeHex(id));
}

function file(name: string, ids: readonly Uint8Array[], size: number): Node {
  return makeNode({ name, type: "file", content: concat(ids), size });
}

function folder(name: string, subtree: BlobId): Node {
  return makeNode({ name, type: "dir", subtree });
}

async function goodSnapshot({ files }: UnlockedRepository): Promise<Snapshot> {
  return (await loadSnapshots(files)).snapshots[0]!.snapshot;
}

function later({ time }: Snapshot): Snapshot["time"] {
  return time.replace(/^\d{4}/, (year) => String(Number(year) + 1)) as Snapshot["time"];
}

/** Adds a snapshot of another tool; gives what selects it. */
async function addSnapshot(repository: UnlockedRepository, tree: BlobId): Promise<string> {
  const good = await goodSnapshot(repository);
  const foreign = { ...good, tree, agent: null, paths: ["/evil"], programVersion: "restic 0.19.1", summary: null };
  return `@${await repository.files.save("snapshot", encodeSnapshot(foreign))}`;
}

interface PlainBlob {
  readonly id: Uint8Array;
  readonly type: BlobType;
  readonly plaintext: Uint8Array;
}

function plainBlob(type: BlobType, plaintext: Uint8Array): PlainBlob {
  return { id: sha256(plaintext), type, plaintext };
}

function addTree(repository: UnlockedRepository, nodes: readonly Node[]): Promise<BlobId> {
  return addTreeText(repository, new TextDecoder().decode(encodeTree(nodes)));
}

async function addTreeText(repository: UnlockedRepository, text: string): Promise<BlobId> {
  const blob = plainBlob("tree", utf8(text));
  await putBlobs(repository, [blob]);
  return hex(blob.id);
}

/** Stores blobs in one pack with an index of its own. */
async function putBlobs(repository: UnlockedRepository, blobs: readonly PlainBlob[]): Promise<void> {
  let offset = 0;
  const placed = blobs.map(({ id, type, plaintext }) => {
    const sealed = repository.sealer.seal(zstdCompressSync(plaintext));
    const blob = { id, type, offset, length: sealed.length, uncompressedLength: plaintext.length };
    offset += sealed.length;
    return { blob, sealed };
  });
  await putPack(repository, placed);
}

async function putPack(
  { store, sealer, files }: UnlockedRepository,
  placed: readonly { readonly blob: PackedBlob; readonly sealed: Uint8Array }[],
): Promise<void> {
  const blobs = placed.map(({ blob }) => blob);
  const header = sealer.seal(encodePackHeader(blobs));
  const bytes = concat([...placed.map(({ sealed }) => sealed), header, encodePackTrailer(header.length)]);
  const id = sha256Hex(bytes) as PackId;
  await store.put({ kind: "pack", name: id }, [bytes]);
  await files.save("index", encodeIndex([{ id: Uint8Array.fromHex(id), blobs }]));
}

/** Stores bytes as they are under their own name, as an append-only server has it. */
async function putNamed(
  { store }: UnlockedRepository,
  kind: "key" | "index" | "lock",
  bytes: Uint8Array,
): Promise<void> {
  await store.put({ kind, name: sha256Hex(bytes) }, [bytes]);
}

/** Stores text compressed and sealed, without the limits that writers keep. */
async function putFrame(
  repository: UnlockedRepository,
  kind: "index" | "snapshot" | "lock",
  text: string,
): Promise<void> {
  const sealed = repository.sealer.seal(concat([new Uint8Array([2]), zstdCompressSync(utf8(text))]));
  await repository.store.put({ kind, name: sha256Hex(sealed) }, [sealed]);
}

/** A file of a gigabyte that takes no room on the disk. */
async function putHole({ store: { location } }: UnlockedRepository, folderName: string, name: string): Promise<void> {
  const path = `${location}/${folderName}/${name}`;
  await Deno.writeFile(path, new Uint8Array(0));
  await Deno.truncate(path, 2 ** 30);
}
