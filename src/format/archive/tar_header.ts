/**
 * Members of tar archives: ustar headers (POSIX.1-1988), with what does not fit in extended headers (POSIX.1-2001, pax).
 *
 * Names are written byte for byte, even if they are not UTF-8: POSIX demands UTF-8 there, but GNU tar writes and reads
 * the bytes, and no other form survives. Extended attributes are records of star, `SCHILY.xattr.NAME`, which GNU tar,
 * bsdtar and star read. Nothing depends on the clock, the machine or the order of calls.
 */
import { invariant } from "../../base/errors.ts";
import { concatBytes, totalLength } from "../../base/bytes.ts";
import { bytesOfByteString } from "../byte_string.ts";
import { timestampToNanoseconds, ZERO_TIME } from "../time.ts";
import { unixPermissions } from "../tree/file_mode.ts";
import type { ExtendedAttribute, NodeType } from "../tree/node.ts";
import type { ArchiveMember, LeftOutTypes } from "./member.ts";

/** Headers are blocks of this many bytes; contents are padded to whole blocks. */
export const TAR_BLOCK_BYTES = 512;
/** GNU tar pads whole archives to records of twenty blocks; readers of tapes rely on it. */
const RECORD_BYTES = 20 * TAR_BLOCK_BYTES;

/** Tar has no sockets: their programs make them anew. */
export const LEFT_OUT_OF_TAR: LeftOutTypes = new Set<NodeType>(["socket", "irregular"]);

/** The fields of a header that are written here: offset and length. */
const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  linkName: [157, 100],
  magic: [257, 8],
  user: [265, 32],
  group: [297, 32],
  deviceMajor: [329, 8],
  deviceMinor: [337, 8],
} as const;
type Field = keyof typeof FIELDS;

const TYPE_FLAGS: Readonly<Partial<Record<NodeType, string>>> = {
  file: "0",
  symlink: "2",
  chardev: "3",
  dev: "4",
  dir: "5",
  fifo: "6",
};
const HARD_LINK = "1";
const EXTENDED_HEADER = "x";
const EXTENDED_HEADER_MODE = 0o644;
/** Magic and version of ustar. */
const USTAR = "ustar\u000000";
const SPACE = 0x20;
const LINE_FEED = Uint8Array.of(0x0a);
const NANOSECONDS = 1_000_000_000n;

const encoder = new TextEncoder();

/**
 * The blocks before a member's content: its header, after an extended header if anything does not fit. The content
 * follows if the member is a file and no link: `node.size` bytes and `tarPadding`.
 */
export function tarHeader(member: ArchiveMember): Uint8Array<ArrayBuffer> {
  const { node, linkTo } = member;
  const flag = linkTo === null ? TYPE_FLAGS[node.type] : HARD_LINK;
  invariant(flag !== undefined, `A tar archive cannot hold a node of type ${node.type}`);
  const records: Uint8Array[] = [];
  const block = new HeaderBlock(flag, records);
  const path = node.type === "dir" ? `${member.path}/` : member.path;
  block.text("name", "path", path);
  if (linkTo !== null) block.text("linkName", "linkpath", linkTo);
  else if (node.type === "symlink") block.text("linkName", "linkpath", node.linkTarget);
  block.octal("mode", unixPermissions(node.mode));
  block.number("size", "size", linkTo === null && node.type === "file" ? node.size : 0);
  block.number("uid", "uid", node.uid);
  block.number("gid", "gid", node.gid);
  block.text("user", "uname", node.user);
  block.text("group", "gname", node.group);
  block.time(node.mtime === ZERO_TIME ? 0n : timestampToNanoseconds(node.mtime));
  if (node.type === "dev" || node.type === "chardev") block.device(node.device);
  if (linkTo === null) { for (const attribute of node.extendedAttributes) records.push(attributeRecord(attribute)); }
  const header = block.finish();
  return records.length === 0 ? header : concatBytes([...extendedHeader(path, records), header]);
}

/** The zero bytes after a content of this many bytes. */
export function tarPadding(contentBytes: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array((TAR_BLOCK_BYTES - contentBytes % TAR_BLOCK_BYTES) % TAR_BLOCK_BYTES);
}

/** The end of an archive whose members take this many bytes: two zero blocks, and zero bytes to a whole record. */
export function tarEnd(memberBytes: number): Uint8Array<ArrayBuffer> {
  const withEnd = memberBytes + 2 * TAR_BLOCK_BYTES;
  return new Uint8Array(Math.ceil(withEnd / RECORD_BYTES) * RECORD_BYTES - memberBytes);
}

/** A header under construction. What does not fit in a field becomes a record of the extended header. */
class HeaderBlock {
  readonly #bytes = new Uint8Array(TAR_BLOCK_BYTES);
  readonly #records: Uint8Array[];

  constructor(flag: string, records: Uint8Array[]) {
    this.#records = records;
    this.#ascii("type", flag);
    this.#ascii("magic", USTAR);
  }

  /** Fields hold plain ASCII. Any other byte string is exact in a record only; the field then holds what fits. */
  text(field: Field, keyword: string, value: string): void {
    if (value.length <= FIELDS[field][1] && isAscii(value)) return this.#ascii(field, value);
    const bytes = bytesOfByteString(value);
    this.#records.push(record(keyword, bytes));
    this.#bytes.set(bytes.subarray(0, FIELDS[field][1]), FIELDS[field][0]);
  }

  octal(field: Field, value: number): void {
    const [at, length] = FIELDS[field];
    let left = value;
    for (let digit = at + length - 2; digit >= at; digit--) {
      this.#bytes[digit] = 0x30 + left % 8;
      left = Math.floor(left / 8);
    }
  }

  number(field: Field, keyword: string, value: number): void {
    const fits = value < 8 ** (FIELDS[field][1] - 1);
    if (!fits) this.#records.push(asciiRecord(keyword, String(value)));
    this.octal(field, fits ? value : 0);
  }

  /** Times have a record if they are before 1970 or no whole seconds. */
  time(nanoseconds: bigint): void {
    const seconds = Number(nanoseconds / NANOSECONDS);
    const fits = seconds >= 0 && seconds < 8 ** (FIELDS.mtime[1] - 1);
    if (!fits || nanoseconds < 0n || nanoseconds % NANOSECONDS !== 0n) {
      this.#records.push(asciiRecord("mtime", decimalSeconds(nanoseconds)));
    }
    this.octal("mtime", fits ? seconds : 0);
  }

  /** `device` is Linux's `st_rdev`. */
  device(device: bigint): void {
    this.#deviceNumber("deviceMajor", ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xffff_f000n));
    this.#deviceNumber("deviceMinor", (device & 0xffn) | ((device >> 12n) & 0xffff_ff00n));
  }

  /** The finished block. */
  finish(): Uint8Array<ArrayBuffer> {
    const [at, length] = FIELDS.checksum;
    this.#bytes.fill(SPACE, at, at + length);
    let sum = 0;
    for (let i = 0; i < TAR_BLOCK_BYTES; i++) sum += this.#bytes[i]!;
    this.#ascii("checksum", `${sum.toString(8).padStart(6, "0")}\0 `);
    return this.#bytes;
  }

  /** No record is defined for devices. The few numbers that do not fit are in base 256, which GNU tar reads. */
  #deviceNumber(field: "deviceMajor" | "deviceMinor", value: bigint): void {
    const [at, length] = FIELDS[field];
    if (value < 8n ** BigInt(length - 1)) return this.octal(field, Number(value));
    new DataView(this.#bytes.buffer).setBigUint64(at, value | 1n << 63n);
  }

  #ascii(field: Field, value: string): void {
    writeAscii(this.#bytes, FIELDS[field][0], value);
  }
}

/** Most text here is plain ASCII, and encoding it by calls for each field would take longer than all the rest. */
function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 0x80) return false;
  return true;
}

function writeAscii(target: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) target[at + i] = text.charCodeAt(i);
}

/** A record of an extended header: its own length in decimal, a space, `keyword=value` and a line feed. */
function record(keyword: string, value: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = encoder.encode(` ${keyword}=`);
  const length = recordLength(head.length + value.length + 1);
  return concatBytes([encoder.encode(String(length)), head, value, LINE_FEED]);
}

function asciiRecord(keyword: string, value: string): Uint8Array<ArrayBuffer> {
  const rest = ` ${keyword}=${value}\n`;
  const length = recordLength(rest.length);
  const bytes = new Uint8Array(length);
  writeAscii(bytes, 0, `${length}${rest}`);
  return bytes;
}

/** The length of a record with its own digits, given that of the rest. */
function recordLength(rest: number): number {
  const length = rest + String(rest).length;
  return rest + String(length).length;
}

/** GNU tar writes a percent sign and an equals sign in the name of an attribute as `%25` and `%3D`. */
function attributeRecord({ name, value }: ExtendedAttribute): Uint8Array {
  const keyword = name.replaceAll("%", "%25").replaceAll("=", "%3D");
  return record(`SCHILY.xattr.${keyword}`, value ?? new Uint8Array(0));
}

/** Seconds since 1970 with up to nine decimals and no trailing zeros, such as `-0.5`. */
function decimalSeconds(nanoseconds: bigint): string {
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  const fraction = (size % NANOSECONDS).toString().padStart(9, "0").replace(/0+$/, "");
  return `${nanoseconds < 0n ? "-" : ""}${size / NANOSECONDS}${fraction === "" ? "" : `.${fraction}`}`;
}

/** The extended header is a member of its own; programs that do not know it extract it as a file of this name. */
function extendedHeader(path: string, records: readonly Uint8Array[]): Uint8Array[] {
  const block = new HeaderBlock(EXTENDED_HEADER, []);
  block.text("name", "path", `PaxHeaders/${path}`);
  block.octal("mode", EXTENDED_HEADER_MODE);
  block.octal("uid", 0);
  block.octal("gid", 0);
  block.octal("size", totalLength(records));
  block.time(0n);
  return [block.finish(), ...records, tarPadding(totalLength(records))];
}
