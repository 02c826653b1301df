/** Writes into a repository what no backup would: foreign snapshots, other manifests, forged blobs. */
import { encodeHex } from "../../src/base/hex.ts";
import type { BlobId, ManifestId, SnapshotId } from "../../src/base/id.ts";
import { sha256 } from "../../src/crypto/digest.ts";
import { agentInfo } from "../../src/backup/snapshot_info.ts";
import { decodeManifest, encodeManifest, type Manifest } from "../../src/format/manifest/manifest.ts";
import type { Node } from "../../src/format/tree/node.ts";
import type { Snapshot } from "../../src/format/snapshot.ts";
import { encodeTree } from "../../src/format/tree/tree.ts";
import { readBlob } from "../../src/repository/pack/pack_reader.ts";
import { BlobSet } from "../../src/repository/index/blob_index.ts";
import { PackWriter } from "../../src/repository/pack/pack_writer.ts";
import { loadSnapshots } from "../../src/repository/snapshots.ts";
import { saveSnapshot } from "../helpers/snapshots.ts";
import { readTree } from "../../src/repository/tree/trees.ts";
import { backupsOf, type Checked, indexed } from "./check_fixture.ts";
import { locked } from "../helpers/locked.ts";

/** Adds blobs to the repository as a backup does. */
export async function write(checked: Checked, add: (writer: PackWriter) => Promise<Uint8Array>): Promise<Uint8Array> {
  const { index } = await indexed(checked);
  const { clock, randomBytes } = checked.world;
  const writer = new PackWriter({
    repository: locked(checked.repository),
    index: new BlobSet(index),
    clock,
    randomBytes,
  });
  const id = await add(writer);
  await writer.finish();
  return id;
}

/** Adds a snapshot of one directory, by another tool unless it is like one of ours. */
export async function addSnapshot(checked: Checked, nodes: readonly Node[], like?: Snapshot): Promise<SnapshotId> {
  const root = await write(checked, (writer) => writer.addPlaintext("tree", encodeTree(nodes)));
  const [ours] = await backupsOf(checked, "blog");
  const snapshot = like ?? { ...ours!, agent: null, paths: ["/elsewhere"] };
  return await saveSnapshot(checked.repository.files, { ...snapshot, tree: encodeHex(root) as BlobId });
}

/**
 * Changes the manifest of `blog` and the tree beside it where `nodes` are given. With the new id its snapshot also says what
 * the manifest says.
 */
export async function rewriteManifest(
  checked: Checked,
  change: (manifest: Manifest) => Manifest,
  { name, nodes: streams }: { name: "old id" | "new id"; nodes?: readonly Node[] },
): Promise<void> {
  const repository = await indexed(checked);
  const { snapshots } = await loadSnapshots(checked.repository.files);
  const { id, snapshot } = snapshots.find(({ snapshot }) => snapshot.agent?.series === "blog")!;
  const nodes = await readTree(repository, snapshot.tree);
  const sidecar = nodes.find(({ type }) => type === "file")!;
  const changedManifest = change(decodeManifest(await readBlob(repository, "data", sidecar.content!), "manifest"));
  const text = encodeManifest(changedManifest);
  const content = await write(checked, (writer) => writer.addPlaintext("data", text));
  const others = streams ?? nodes.filter((node) => node !== sidecar);
  const changed = [...others, { ...sidecar, content, size: text.length }];
  const modified = others.find(({ type }) => type === "dir")!.mtime;
  const agent = name === "new id"
    ? { ...snapshot.agent!, ...agentInfo(changedManifest, encodeHex(sha256(text)) as ManifestId, modified) }
    : snapshot.agent!;
  await addSnapshot(checked, changed, { ...snapshot, agent });
  await checked.store.remove({ kind: "snapshot", name: id });
}
