/**
 * Backups of files that nobody made: trees, lists of digests and counts of anybody's choice, in a backup that is whole
 * otherwise. Whoever has the key can make each part name the next one.
 */
import { encodeHex } from "../../src/base/hex.ts";
import type { BlobId, ManifestId } from "../../src/base/id.ts";
import { agentInfo } from "../../src/backup/snapshot_info.ts";
import { md5Hex, sha256Hex } from "../../src/crypto/digest.ts";
import { digestLineText } from "../../src/format/digest_list.ts";
import { bytesOfByteString } from "../../src/format/byte_string.ts";
import { decodeManifest, encodeManifest, type ManifestTree } from "../../src/format/manifest/manifest.ts";
import { encodeSnapshot } from "../../src/format/snapshot.ts";
import { makeNode, type Node } from "../../src/format/tree/node.ts";
import { DIR_MODE_0755 } from "../../src/format/tree/file_mode.ts";
import type { Rfc3339 } from "../../src/format/time.ts";
import { encodeTree } from "../../src/format/tree/tree.ts";
import { loadIndex } from "../../src/repository/index/index_files.ts";
import { readBlob } from "../../src/repository/pack/pack_reader.ts";
import { loadSnapshots } from "../../src/repository/snapshots.ts";
import { readTree } from "../../src/repository/tree/trees.ts";
import { write } from "../ops/check_forging.ts";
import type { Checked } from "../ops/check_fixture.ts";
import { concat } from "../helpers/world.ts";

/** The modification time of everything. */
export const FORGED_TIME = "2026-01-02T03:04:05Z" as Rfc3339;

/** What is forged. What is left out is as it should be. */
export interface Forged {
  /** The nodes at the top of the tree. */
  readonly nodes?: (honest: readonly Node[]) => readonly Node[];
  /** The text of the tree at the top. */
  readonly text?: (honest: string) => string;
  /** The list of digests. */
  readonly list?: (honest: string) => string;
  /** What the manifest says of the tree. */
  readonly tree?: (honest: ManifestTree) => ManifestTree;
  /** Whether the manifest says of the list what the honest one is. */
  readonly keepsListDigests?: boolean;
}

/** Writes forged backups of a directory into a repository whose newest snapshot is a backup of files. */
export class TreeForger {
  readonly #checked: Checked;
  readonly #above: readonly string[];

  /** `directory`: the absolute path of what was backed up. */
  constructor(checked: Checked, directory: string) {
    this.#checked = checked;
    this.#above = directory.slice(1).split("/");
  }

  /** Stores content, and gives its id. */
  data(bytes: Uint8Array): Promise<Uint8Array> {
    return write(this.#checked, (writer) => writer.addPlaintext("data", bytes));
  }

  /** Stores a tree. */
  async tree(nodes: readonly Node[]): Promise<BlobId> {
    return await this.treeText(new TextDecoder().decode(encodeTree(nodes)));
  }

  /** Stores the text of a tree. */
  async treeText(text: string): Promise<BlobId> {
    const bytes = new TextEncoder().encode(text);
    return encodeHex(await write(this.#checked, (writer) => writer.addPlaintext("tree", bytes))) as BlobId;
  }

  /** A node of a file whose content is stored. */
  async file(name: string, bytes: Uint8Array, fields: Partial<Node> = {}): Promise<Node> {
    const content = await this.data(bytes);
    return makeNode({ name, type: "file", mode: 0o644, mtime: FORGED_TIME, size: bytes.length, content, ...fields });
  }

  /** A node of a directory. */
  folder(name: string, subtree: BlobId): Node {
    return makeNode({ name, type: "dir", mode: DIR_MODE_0755, mtime: FORGED_TIME, subtree });
  }

  /** Trees one in the other; each holds the one below it under these names. Gives the outermost one. */
  async nested(levels: number, names: readonly string[]): Promise<BlobId> {
    const id = await write(this.#checked, async (writer) => {
      let tree = await writer.addPlaintext("tree", encodeTree([]));
      for (let level = 0; level < levels; level++) {
        const subtree = encodeHex(tree) as BlobId;
        tree = await writer.addPlaintext("tree", encodeTree(names.map((name) => this.folder(name, subtree))));
      }
      return tree;
    });
    return encodeHex(id) as BlobId;
  }

  /** Puts a forged backup, in which the directory has these files, in the place of all others. */
  async forge(files: readonly Node[], forged: Forged): Promise<void> {
    const { repository } = this.#checked;
    const indexed = { ...repository, index: await loadIndex(repository.files) };
    const { snapshots } = await loadSnapshots(repository.files);
    const { snapshot } = snapshots.at(-1)!;
    const series = snapshot.agent!.series;
    const outer = await readTree(indexed, snapshot.tree);
    const sidecar = outer.find(({ name }) => name === `${series}.manifest.json`)!;
    const listNode = outer.find(({ name }) => name === `${series}.digests`)!;
    const directory = outer.find(({ name }) => name === series)!;
    const manifest = decodeManifest(await readBlob(indexed, "data", sidecar.content!), "manifest");
    const honestText = new TextDecoder().decode(encodeTree(forged.nodes?.(files) ?? files));
    let root = await this.treeText(forged.text?.(honestText) ?? honestText);
    for (const name of this.#above.toReversed()) root = await this.tree([this.folder(name, root)]);
    const honestList = await this.#listOf(files, indexed);
    const list = bytesOfByteString(forged.list?.(honestList) ?? honestList);
    const said = forged.keepsListDigests ? bytesOfByteString(honestList) : list;
    const honestTree = {
      root,
      files: files.filter(({ type }) => type === "file").length,
      directories: this.#above.length + files.filter(({ type }) => type === "dir").length,
      others: files.filter(({ type }) => type !== "file" && type !== "dir").length,
      bytes: files.reduce((sum, { size }) => sum + size, 0),
      digests: { size: said.length, md5: md5Hex(said), sha256: sha256Hex(said) },
    };
    const tree = forged.tree?.(honestTree) ?? honestTree;
    const text = encodeManifest({ ...manifest, tree });
    const nodes = [
      { ...directory, subtree: root },
      { ...sidecar, content: await this.data(text), size: text.length },
      { ...listNode, content: list.length === 0 ? new Uint8Array(0) : await this.data(list), size: list.length },
    ];
    const outerTree = await this.tree(nodes);
    const info = agentInfo({ ...manifest, tree }, sha256Hex(text) as ManifestId, directory.mtime);
    const agent = { ...snapshot.agent!, ...info, tree: outerTree };
    await repository.files.save("snapshot", encodeSnapshot({ ...snapshot, tree: outerTree, agent }));
    for (const { id } of snapshots) await repository.files.remove("snapshot", id);
  }

  async #listOf(files: readonly Node[], indexed: Parameters<typeof readBlob>[0]): Promise<string> {
    let text = "";
    for (const { name, type, content } of files) {
      if (type !== "file" || content === null) continue;
      const pieces: Uint8Array[] = [];
      for (let at = 0; at < content.length; at += 32) pieces.push(await readBlob(indexed, "data", content, at));
      const bytes = concat(pieces);
      text += digestLineText({
        path: `${this.#above.join("/")}/${name}`,
        md5: md5Hex(bytes),
        sha256: sha256Hex(bytes),
      });
    }
    return text;
  }
}
