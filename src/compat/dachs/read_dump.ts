/**
 * Reads dump files of DaCHS. Their index comes last, so they are read twice: first to learn what is in them and whether
 * it is whole, then for the tables. What comes from a pipe is kept in a file meanwhile.
 */
import { type ByteSource, sourceOfStream } from "../../base/byte_source.ts";
import { concatBytes } from "../../base/bytes.ts";
import { IntegrityError } from "../../base/errors.ts";
import { createGuard } from "../../guard/formats.ts";
import { formatOfMember, INDEX_NAME, type IndexEntry, MOST_INDEX_BYTES, parseIndex } from "./index_file.ts";
import { damaged, DUMP_FILE, printable, type TarMember, tarMembers } from "./tar_members.ts";

/** A table in a dump file. */
export interface DumpedTable extends IndexEntry {
  /** Bytes of its member. */
  readonly size: number;
  /** When it was dumped, in milliseconds since 1970 UTC. */
  readonly modifiedMs: number;
  /** Why the member is no whole COPY; null if it is. Text shows only whether its last line ends. */
  readonly problem: string | null;
}

/** A dump file that can be read several times. */
export interface DumpFile {
  /** Its path, for messages; absent if it came as a stream. */
  readonly path?: string;
  /** Begins to read it. Throws `AgentError` if it cannot be read. */
  open(): Promise<ByteSource>;
}

type Seen = Omit<DumpedTable, "id" | "format">;

/**
 * The tables of a dump file, in the order of its index. Reads all of it. Throws `IntegrityError` if it is no dump file,
 * is cut, or if its members and its index do not fit together.
 */
export async function scanDump(file: DumpFile): Promise<DumpedTable[]> {
  try {
    return await scan(file);
  } catch (error) {
    if (!(error instanceof IntegrityError) || file.path === undefined) throw error;
    const why = error.message.startsWith(DUMP_FILE) ? error.message : damaged(error.message).message;
    throw new IntegrityError(`${DUMP_FILE} "${file.path}"${why.slice(DUMP_FILE.length)}`, { cause: error });
  }
}

async function scan(file: DumpFile): Promise<DumpedTable[]> {
  const members = new Map<string, Seen>();
  let index: IndexEntry[] | undefined;
  for await (const member of membersOf(file)) {
    if (member.name === INDEX_NAME) {
      if (index !== undefined) throw damaged(`${INDEX_NAME} is in it twice`);
      index = parseIndex(await indexText(member));
      continue;
    }
    if (members.has(member.name)) throw damaged(`${member.name} is in it twice`);
    members.set(member.name, await judged(member));
  }
  if (index === undefined) throw damaged(`it has no ${INDEX_NAME}, which comes last`);
  const tables = index.map((entry) => {
    const seen = members.get(entry.member);
    if (seen === undefined) throw damaged(`its index names ${entry.member}, which is not in it`);
    members.delete(entry.member);
    return { ...entry, ...seen };
  });
  const [unnamed] = members.keys();
  if (unnamed !== undefined) throw damaged(`its index does not name ${unnamed}`);
  return tables;
}

/** The tables with their bytes, in the order of the members. `tables` are those that `scanDump` found. */
export async function* dumpedTables(
  file: DumpFile,
  tables: readonly DumpedTable[],
): AsyncGenerator<{ readonly table: DumpedTable; readonly content: Pick<ByteSource, "read"> }> {
  for await (const member of membersOf(file)) {
    if (member.name === INDEX_NAME) continue;
    const table = tables.find((one) => one.member === member.name);
    if (table?.size !== member.size) throw damaged("it changed while it was read");
    yield { table, content: member };
  }
}

async function* membersOf(file: DumpFile): AsyncGenerator<TarMember> {
  const source = await file.open();
  try {
    for await (const member of tarMembers(unzipped(source))) {
      if (member.name !== INDEX_NAME && formatOfMember(member.name) === undefined) {
        throw damaged(`it has a member "${printable(member.name)}"; its members are table_000.dump and so on`);
      }
      yield member;
    }
  } finally {
    await source.cancel();
  }
}

async function indexText(member: TarMember): Promise<string> {
  if (member.size > MOST_INDEX_BYTES) throw damaged(`its index has ${member.size} bytes`);
  const pieces: Uint8Array[] = [];
  await eachPiece(member, (piece) => pieces.push(piece.slice()));
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(concatBytes(pieces));
  } catch (error) {
    throw damaged("its index is not UTF-8", error);
  }
}

async function judged(member: TarMember): Promise<Seen> {
  const { name, size, modifiedMs } = member;
  const isBinary = formatOfMember(name) === "binary";
  const guard = createGuard(isBinary ? "pg_copy" : "none");
  try {
    let last = 0x0a;
    await eachPiece(member, (piece) => {
      last = piece.at(-1)!;
      return guard.push(piece);
    });
    const verdict = await guard.finish();
    const isWhole = isBinary ? verdict.complete === true : last === 0x0a;
    const reason = isBinary ? verdict.reason : "its last line is cut";
    return { member: name, size, modifiedMs, problem: isWhole ? null : reason };
  } finally {
    guard.dispose();
  }
}

async function eachPiece(member: TarMember, take: (piece: Uint8Array) => unknown): Promise<void> {
  const buffer = new Uint8Array(128 * 1024);
  for (;;) {
    const read = await member.read(buffer);
    if (read === null) return;
    await take(buffer.subarray(0, read));
  }
}

/** What gzip packed, to its end and with its checksum. */
function unzipped(packed: ByteSource): ByteSource {
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const piece = new Uint8Array(64 * 1024);
      const read = await packed.read(piece);
      if (read === null) controller.close();
      else controller.enqueue(piece.subarray(0, read));
    },
  }, { highWaterMark: 0 });
  const source = sourceOfStream(stream.pipeThrough(new DecompressionStream("gzip")));
  return {
    cancel: () => source.cancel(),
    async read(target) {
      try {
        return await source.read(target);
      } catch (error) {
        const cause = error instanceof Error ? error.cause : undefined;
        // The runtime's decompressor throws a TypeError for what is cut or no gzip; all else comes from the file.
        if (!(cause instanceof TypeError)) throw error;
        throw damaged("it is cut short, or no gzip", cause);
      }
    },
  };
}
