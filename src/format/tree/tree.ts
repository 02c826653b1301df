/**
 * Trees: directory listings as blobs (restic design document, section Trees and Data). The text is exactly Go's, byte
 * for byte, because `restic rewrite` refuses any other. A file's content list may have 200,000 ids, so its ids are
 * never made into strings.
 */
import { invariant } from "../../base/errors.ts";
import { asId, type BlobId, ID_BYTES } from "../../base/id.ts";
import { encodeHex } from "../../base/hex.ts";
import { decodeBase64 } from "../json/base64.ts";
import { byteStringOf, compareByteStrings } from "../byte_string.ts";
import { ByteWriter } from "../json/byte_writer.ts";
import { goJson, unquoteName } from "../json/go_json.ts";
import { JsonScanner } from "../json/json_scanner.ts";
import { KnownWords } from "../json/known_words.ts";
import { MOST_TREE_NODES } from "../bounds.ts";
import { headText, type NodeHead } from "./node_head.ts";
import {
  type EntryProperties,
  type ExtendedAttribute,
  isNodeName,
  makeNode,
  type Node,
  NODE_TYPES,
  type NodeType,
} from "./node.ts";
import { isRfc3339, type Rfc3339 } from "../time.ts";

/** What the text of a tree begins and ends with; nodes with commas between them are all in between. */
export const TREE_BEGINNING: Uint8Array = new TextEncoder().encode('{"nodes":[');
/** See `TREE_BEGINNING`. */
export const TREE_END: Uint8Array = new TextEncoder().encode("]}\n");

const UINT32_MAX = 2 ** 32 - 1;
/** Least bytes of an id in a content list: 64 digits, two quotes, and a comma or the opening bracket. */
const CONTENT_ID_TEXT_BYTES = 67;
const NODE_TEXT_BYTES = 400;

/**
 * The plaintext of a tree blob, with its final line feed. Nodes are sorted by the bytes of their names. Throws
 * `BugError` for two nodes with the same name, a name that no directory can hold, and a content list that is not made
 * of whole ids.
 */
export function encodeTree(nodes: readonly Node[]): Uint8Array<ArrayBuffer> {
  const sorted = nodes.toSorted((a, b) => compareByteStrings(a.name, b.name));
  const encoder = new TreeEncoder(sorted.reduce((sum, node) => sum + expectedTextBytes(node), NODE_TEXT_BYTES));
  for (const node of sorted) encoder.add(node);
  return encoder.finish();
}

/** Writes the plaintext of a tree blob node after node, so that only their text is kept. */
export class TreeEncoder {
  readonly #writer: ByteWriter;
  #nodes = 0;
  #lastName: string | undefined;

  /** `expectedBytes` is a guess at the length of the text. */
  constructor(expectedBytes = 4 * NODE_TEXT_BYTES) {
    this.#writer = new ByteWriter(expectedBytes);
    this.#writer.bytes(TREE_BEGINNING);
  }

  /** How many nodes there are so far. */
  get nodes(): number {
    return this.#nodes;
  }

  /** How many bytes of text there are so far. */
  get bytes(): number {
    return this.#writer.length;
  }

  /**
   * Appends a node. Throws `BugError` for names out of order or twice, a name that no directory can hold, and a content
   * list that is not made of whole ids.
   */
  add(node: Node): void {
    this.#begin(node.name);
    writeNode(this.#writer, node);
  }

  /** Appends a node of which the head is made: that of this name. Throws as `add` does. */
  addHead(
    name: string,
    { text }: Pick<NodeHead, "text">,
    { content, subtree }: Pick<Node, "content" | "subtree">,
  ): void {
    this.#begin(name);
    this.#writer.bytes(text);
    writeContent(this.#writer, content);
    if (subtree !== null) this.#writer.ascii(`,"subtree":"${subtree}"`);
    this.#writer.ascii("}");
  }

  /**
   * Appends the text of nodes with commas between them, which have these first and last names and are in order. Throws
   * as `add` does for the first one.
   */
  addNodes(text: Uint8Array, { nodes, first, last }: { nodes: number; first: string; last: string }): void {
    this.#begin(first);
    this.#writer.bytes(text);
    this.#nodes += nodes - 1;
    this.#lastName = last;
  }

  #begin(name: string): void {
    const last = this.#lastName;
    invariant(isNodeName(name), () => `A tree cannot hold the name ${goJson(name)}`);
    invariant(name !== last, () => `Two nodes have the name ${goJson(name)}`);
    invariant(last === undefined || compareByteStrings(last, name) < 0, "The nodes of a tree are out of order");
    if (this.#nodes++ > 0) this.#writer.ascii(",");
    this.#lastName = name;
  }

  /** The text with its final line feed. The encoder cannot be used afterwards. */
  finish(): Uint8Array<ArrayBuffer> {
    this.#writer.bytes(TREE_END);
    return this.#writer.finish();
  }
}

function expectedTextBytes(node: Node): number {
  return NODE_TEXT_BYTES + ((node.content?.length ?? 0) / ID_BYTES) * CONTENT_ID_TEXT_BYTES;
}

/** A node is written as one text except for its content list, since each piece that is written takes time. */
function writeNode(writer: ByteWriter, node: Node): void {
  writer.utf8(headText(node.name, node, node.size));
  writeContent(writer, node.content);
  if (node.subtree !== null) writer.ascii(`,"subtree":"${node.subtree}"`);
  if (node.error !== "") writer.utf8(`,"error":${goJson(node.error)}`);
  writer.ascii("}");
}

function writeContent(writer: ByteWriter, content: Uint8Array | null): void {
  if (content === null) return writer.ascii(',"content":null');
  invariant(content.length % ID_BYTES === 0, "A content list is not a whole number of ids");
  writer.ascii(',"content":[');
  for (let offset = 0; offset < content.length; offset += ID_BYTES) {
    writer.ascii(offset === 0 ? '"' : ',"');
    writer.hex(content, offset, ID_BYTES);
    writer.ascii('"');
  }
  writer.ascii("]");
}

// deno-fmt-ignore
const WORDS = new KnownWords([
  "nodes", "name", "type", "mode", "mtime", "atime", "ctime", "uid", "gid", "user", "group", "inode", "device_id", "size",
  "links", "linktarget", "linktarget_raw", "extended_attributes", "generic_attributes", "device", "content", "subtree",
  "error", "value", ...NODE_TYPES,
]);

/**
 * The nodes in a tree blob's plaintext, in the order of the text. As lenient as Go: unknown fields are ignored, missing
 * ones read as zero. Throws an `IntegrityError` that names `what` for anything malformed, and for a name that would
 * lead out of its directory.
 */
export function decodeTree(bytes: Uint8Array, what: string): Node[] {
  const scanner = new JsonScanner(bytes, what, WORDS);
  let nodes: Node[] = [];
  for (let more = scanner.enterObject(); more; more = scanner.moreInObject()) {
    if (scanner.readKey() === "nodes") nodes = readNodes(scanner);
    else scanner.skipValue();
  }
  scanner.end();
  return nodes;
}

/** The node in a part of a tree's text. As lenient as `decodeTree`, and throws as it does. */
export function decodeNode(bytes: Uint8Array, what: string): Node {
  const scanner = new JsonScanner(bytes, what, WORDS);
  const node = readNode(scanner);
  scanner.end();
  return node;
}

/** All properties in a head. */
export function propertiesOfHead({ text }: Pick<NodeHead, "text">): EntryProperties {
  const bytes = new Uint8Array(text.length + 1);
  bytes.set(text);
  bytes[text.length] = 0x7d; // A brace makes it a whole node.
  const { name: _name, size: _size, content: _content, subtree: _subtree, ...properties } = decodeNode(bytes, "a head");
  return properties;
}

function readNodes(scanner: JsonScanner): Node[] {
  const nodes: Node[] = [];
  if (scanner.takeNull()) return nodes;
  for (let more = scanner.enterArray(); more; more = scanner.moreInArray()) {
    if (nodes.length === MOST_TREE_NODES) throw scanner.failure(`more than ${MOST_TREE_NODES} entries`);
    nodes.push(readNode(scanner));
  }
  return nodes;
}

/** A node while its fields are being read. */
interface PartialNode {
  readonly fields: { -readonly [K in keyof Node]: Node[K] };
  hasType: boolean;
  /** The exact link target. It may come before or after the readable one. */
  linkTargetBytes: Uint8Array | null;
}

function readNode(scanner: JsonScanner): Node {
  const fields = makeNode({ name: "", type: "file" });
  const partial: PartialNode = { fields, hasType: false, linkTargetBytes: null };
  for (let more = scanner.enterObject(); more; more = scanner.moreInObject()) {
    const key = scanner.readKey();
    if (!scanner.takeNull()) readField(scanner, key, partial);
  }
  if (fields.name === "" || !partial.hasType) throw scanner.failure("a node without name or type");
  if (partial.linkTargetBytes !== null) partial.fields.linkTarget = byteStringOf(partial.linkTargetBytes);
  return fields;
}

function readField(scanner: JsonScanner, key: string, partial: PartialNode): void {
  const { fields } = partial;
  switch (key) {
    case "name":
      fields.name = readName(scanner);
      break;
    case "type":
      fields.type = readNodeType(scanner);
      partial.hasType = true;
      break;
    case "mode":
    case "uid":
    case "gid":
      fields[key] = scanner.readUint(UINT32_MAX);
      break;
    case "mtime":
    case "atime":
    case "ctime":
      fields[key] = readTime(scanner, fields.mtime);
      break;
    case "user":
    case "group":
    case "error":
      fields[key] = scanner.readString();
      break;
    case "inode":
    case "device":
      fields[key] = scanner.readUint64();
      break;
    case "device_id":
      fields.deviceId = scanner.readUint64();
      break;
    case "size":
    case "links":
      fields[key] = scanner.readUint(Number.MAX_SAFE_INTEGER);
      break;
    case "linktarget":
      fields.linkTarget = scanner.readString();
      break;
    case "linktarget_raw":
      partial.linkTargetBytes = readBase64(scanner);
      break;
    case "extended_attributes":
      fields.extendedAttributes = readExtendedAttributes(scanner);
      break;
    case "generic_attributes":
      fields.genericAttributes = readGenericAttributes(scanner);
      break;
    case "content":
      fields.content = readContent(scanner);
      break;
    case "subtree":
      fields.subtree = readBlobId(scanner);
      break;
    default:
      scanner.skipValue();
  }
}

function readName(scanner: JsonScanner): string {
  const name = unquoteName(scanner.readString());
  if (name === null) throw scanner.failure("a name that is not quoted as Go does");
  if (!isNodeName(name)) throw scanner.failure("a name that no directory can hold");
  return name;
}

function readNodeType(scanner: JsonScanner): NodeType {
  const text = scanner.readWord();
  const type = NODE_TYPES.find((known) => known === text);
  if (type === undefined) throw scanner.failure("an unknown type of node");
  return type;
}

/** Times of one node are often the same: `known` is one that was checked. */
function readTime(scanner: JsonScanner, known: Rfc3339): Rfc3339 {
  const text = scanner.readString();
  if (text === known) return known;
  if (!isRfc3339(text)) throw scanner.failure("not an RFC 3339 time");
  return text;
}

function readBase64(scanner: JsonScanner): Uint8Array {
  const bytes = decodeBase64(scanner.readString());
  if (bytes === null) throw scanner.failure("expected base64");
  return bytes;
}

function readBlobId(scanner: JsonScanner): BlobId {
  const id = new Uint8Array(ID_BYTES);
  scanner.readHexInto(id, 0, ID_BYTES);
  return asId<BlobId>(encodeHex(id));
}

function readContent(scanner: JsonScanner): Uint8Array {
  const content = new Uint8Array(scanner.mostStrings(2 * ID_BYTES) * ID_BYTES);
  let length = 0;
  for (let more = scanner.enterArray(); more; more = scanner.moreInArray()) {
    scanner.readHexInto(content, length, ID_BYTES);
    length += ID_BYTES;
  }
  return length === content.length ? content : content.slice(0, length);
}

function readExtendedAttributes(scanner: JsonScanner): ExtendedAttribute[] {
  const attributes: ExtendedAttribute[] = [];
  for (let more = scanner.enterArray(); more; more = scanner.moreInArray()) {
    let name = "";
    let value: Uint8Array | null = null;
    for (let field = scanner.enterObject(); field; field = scanner.moreInObject()) {
      const key = scanner.readKey();
      if (key === "name") name = scanner.readString();
      else if (key !== "value") scanner.skipValue();
      else if (!scanner.takeNull()) value = readBase64(scanner);
    }
    attributes.push({ name, value });
  }
  return attributes;
}

function readGenericAttributes(scanner: JsonScanner): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  for (let more = scanner.enterObject(); more; more = scanner.moreInObject()) {
    attributes.set(scanner.readKey(), scanner.readRaw());
  }
  return attributes;
}
