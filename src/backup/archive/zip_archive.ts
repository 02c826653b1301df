/**
 * Zip archives. Small files are deflated at once, so that sizes and checksum stand before their content; large ones
 * while they are read.
 *
 * Memory: the central directory, some 130 bytes for each member and its name, since it comes last.
 */
import { AgentError } from "../../base/errors.ts";
import { Deflater, deflateWhole, updateCrc32 } from "../../codec/deflate.ts";
import { bytesOfByteString } from "../../format/byte_string.ts";
import type { ArchiveMember } from "../../format/archive/member.ts";
import {
  LEFT_OUT_OF_ZIP,
  MOST_ZIP_NAME_BYTES,
  NO_CONTENT,
  zipCentralHeader,
  type ZipContent,
  zipDescriptor,
  zipEnd,
  zipLocalHeader,
  ZipMethod,
} from "../../format/archive/zip_records.ts";
import type { ArchiveOutput } from "./archive_output.ts";
import { type ArchiveWriter, typeProblem } from "./archive_writer.ts";

/** Files of up to this many bytes are in memory as a whole. */
const SMALL_FILE_BYTES = 256 * 1024;
/** Two million members, which no program opens with pleasure. */
const MOST_DIRECTORY_BYTES = 256 * 1024 * 1024;

/** The member that is being written. */
interface OpenMember {
  readonly member: ArchiveMember;
  readonly offset: number;
  /** Whether it is a file that is deflated while it is read. */
  readonly isLarge: boolean;
  /** Deflates a large file, from its first piece on. */
  deflater: Deflater | null;
  crc32: number;
  size: number;
  storedBytes: number;
}

/** Writes a zip archive. */
export class ZipArchive implements ArchiveWriter {
  readonly hardLinks = false;
  readonly #output: ArchiveOutput;
  readonly #small = new Uint8Array(SMALL_FILE_BYTES);
  readonly #directory: Uint8Array[] = [];
  #directoryBytes = 0;
  #open: OpenMember | null = null;

  constructor(output: ArchiveOutput) {
    this.#output = output;
  }

  problem({ path, node: { type } }: ArchiveMember): string | null {
    if (LEFT_OUT_OF_ZIP.has(type)) return typeProblem(type, "zip");
    if (!path.isWellFormed()) return "has a name that is not UTF-8, which zip cannot hold";
    return bytesOfByteString(path).length < MOST_ZIP_NAME_BYTES ? null : "has a path that is too long for zip";
  }

  begin(member: ArchiveMember): void | Promise<void> {
    const { node: { type, size } } = member;
    const isLarge = type === "file" && size > SMALL_FILE_BYTES;
    const offset = this.#output.bytes;
    this.#open = { member, offset, isLarge, deflater: null, crc32: 0, size: 0, storedBytes: 0 };
    if (isLarge) return this.#output.write(zipLocalHeader(member, { size }));
  }

  content(bytes: Uint8Array): void | Promise<void> {
    const open = this.#open!;
    const at = open.size;
    open.size += bytes.length;
    if (!open.isLarge) return this.#small.set(bytes, at);
    open.deflater ??= new Deflater(bytes);
    open.crc32 = updateCrc32(bytes, open.crc32);
    return open.deflater.push(bytes).then((pieces) => this.#writePieces(pieces, open));
  }

  async end(): Promise<void> {
    const open = this.#open!;
    const { member, isLarge, offset } = open;
    const content = isLarge ? await this.#endLarge(open) : await this.#writeWhole(open);
    const entry = zipCentralHeader(member, content, { offset, hasDescriptor: isLarge });
    this.#directory.push(entry);
    this.#directoryBytes += entry.length;
    if (this.#directoryBytes > MOST_DIRECTORY_BYTES) {
      throw new AgentError(`The backup has more than ${this.#directory.length} entries, too many for zip: use tar`);
    }
    this.close();
  }

  async finish(): Promise<void> {
    const offset = this.#output.bytes;
    for (const entry of this.#directory) await this.#output.write(entry);
    await this.#output.write(zipEnd({ entries: this.#directory.length, offset, bytes: this.#directoryBytes }));
  }

  close(): void {
    this.#open?.deflater?.close();
    this.#open = null;
  }

  /** Writes a directory, a symbolic link or a small file. */
  async #writeWhole({ member, size }: OpenMember): Promise<ZipContent> {
    const { type, linkTarget } = member.node;
    // Programs expect the targets of links as they are.
    const { bytes, ...facts } = type === "symlink"
      ? asItIs(bytesOfByteString(linkTarget))
      : deflated(this.#small.subarray(0, size));
    await this.#output.write(zipLocalHeader(member, facts));
    await this.#output.write(bytes);
    return facts;
  }

  async #endLarge(open: OpenMember): Promise<ZipContent> {
    await this.#writePieces(await open.deflater!.finish(), open);
    const { crc32, size, storedBytes } = open;
    const content = { method: ZipMethod.deflated, crc32, size, storedBytes };
    await this.#output.write(zipDescriptor(content));
    return content;
  }

  async #writePieces(pieces: readonly Uint8Array[], open: OpenMember): Promise<void> {
    for (const piece of pieces) {
      open.storedBytes += piece.length;
      await this.#output.write(piece);
    }
  }
}

/** A content and what is known about it. */
type WholeContent = ZipContent & { readonly bytes: Uint8Array };

/** The content deflated, or as it is if that makes it no smaller. */
function deflated(content: Uint8Array): WholeContent {
  if (content.length === 0) return { ...NO_CONTENT, bytes: content };
  const bytes = deflateWhole(content);
  if (bytes.length >= content.length) return asItIs(content);
  return { ...asItIs(content), method: ZipMethod.deflated, storedBytes: bytes.length, bytes };
}

function asItIs(bytes: Uint8Array): WholeContent {
  const { length } = bytes;
  return { method: ZipMethod.stored, crc32: updateCrc32(bytes), size: length, storedBytes: length, bytes };
}
