/** Tar archives: each member is a header, its content, and zero bytes to the next block. */
import { LEFT_OUT_OF_TAR, tarEnd, tarHeader, tarPadding } from "../../format/archive/tar_header.ts";
import type { ArchiveMember } from "../../format/archive/member.ts";
import type { ArchiveOutput } from "./archive_output.ts";
import { type ArchiveWriter, typeProblem } from "./archive_writer.ts";

/** Writes a tar archive. */
export class TarArchive implements ArchiveWriter {
  readonly hardLinks = true;
  readonly #output: ArchiveOutput;
  #contentBytes = 0;

  constructor(output: ArchiveOutput) {
    this.#output = output;
  }

  problem({ node: { type } }: ArchiveMember): string | null {
    return LEFT_OUT_OF_TAR.has(type) ? typeProblem(type, "tar") : null;
  }

  begin(member: ArchiveMember): void | Promise<void> {
    this.#contentBytes = 0;
    return this.#output.write(tarHeader(member));
  }

  content(bytes: Uint8Array): void | Promise<void> {
    this.#contentBytes += bytes.length;
    return this.#output.write(bytes);
  }

  end(): void | Promise<void> {
    return this.#output.write(tarPadding(this.#contentBytes));
  }

  finish(): void | Promise<void> {
    return this.#output.write(tarEnd(this.#output.bytes));
  }

  close(): void {}
}
