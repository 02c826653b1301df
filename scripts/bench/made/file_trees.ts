/** The input of a comparison of files: trees of generated files, and how they change from one backup to the next. */
import { dirname, join } from "node:path";
import { DEFAULT_DUMP, generateDump } from "../../dumps/dump.ts";
import { generateNoise } from "../../dumps/noise.ts";
import { Random } from "../../dumps/random.ts";

/** Files of one size. */
export interface FileGroup {
  readonly count: number;
  /** Mean length. Lengths are exponentially distributed, except in groups of at most 100 files, where all are equal. */
  readonly meanBytes: number;
  /** `text` compresses to about 40 %, `noise` not at all. */
  readonly content: "text" | "noise";
}

/** A tree. */
export interface TreeShape {
  readonly name: string;
  readonly groups: readonly FileGroup[];
}

/** The trees of the comparison: many small files, and 2 GB of all sizes. */
export const TREES: readonly TreeShape[] = [
  { name: "50,000 small files", groups: [{ count: 50_000, meanBytes: 4_000, content: "text" }] },
  {
    name: "2 GB of all sizes",
    groups: [
      { count: 10_000, meanBytes: 20_000, content: "text" },
      { count: 500, meanBytes: 1_200_000, content: "text" },
      { count: 500, meanBytes: 1_200_000, content: "noise" },
      { count: 3, meanBytes: 100_000_000, content: "text" },
      { count: 3, meanBytes: 100_000_000, content: "noise" },
    ],
  },
];

const FILES_A_FOLDER = 100;
const FOLDERS_A_FOLDER = 20;
const MOST_EQUAL = 100;
const LONG_BYTES = 10e6;

/** A file of a tree. */
interface TreeFile {
  readonly path: string;
  readonly bytes: number;
  readonly content: FileGroup["content"];
}

/** A tree on disk. */
export class FileTree {
  readonly #files: readonly TreeFile[];

  private constructor(readonly name: string, readonly root: string, files: readonly TreeFile[]) {
    this.#files = files;
  }

  /** Makes the tree in a directory that does not exist. */
  static async make({ name, groups }: TreeShape, root: string): Promise<FileTree> {
    const random = new Random().seed(1, 0x74726565);
    const files = groups.flatMap((group, number) => filesOf(root, group, number, random));
    for (const directory of new Set(files.map(({ path }) => dirname(path)))) {
      await Deno.mkdir(directory, { recursive: true });
    }
    const source = new Bytes(1);
    for (const file of files) await source.write(file);
    return new FileTree(name, root, files);
  }

  get files(): number {
    return this.#files.length;
  }

  get bytes(): number {
    return this.#files.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /**
   * Gives one file in a hundred content that it never had; of a long file, only a hundredth. `round` is different each
   * time.
   */
  async change(round: number): Promise<void> {
    const source = new Bytes(1 + round);
    for (let i = round % 100; i < this.#files.length; i += 100) {
      const file = this.#files[i]!;
      if (file.bytes < LONG_BYTES) await source.write(file);
      else await source.write({ ...file, bytes: Math.ceil(file.bytes / 100) }, Math.floor(file.bytes / 2));
    }
  }
}

function filesOf(root: string, { count, meanBytes, content }: FileGroup, group: number, random: Random): TreeFile[] {
  return Array.from({ length: count }, (_, i) => {
    const folder = Math.floor(i / FILES_A_FOLDER);
    const parent = `group-${group}/part-${Math.floor(folder / FOLDERS_A_FOLDER)}`;
    const bytes = count <= MOST_EQUAL ? meanBytes : Math.ceil(-Math.log(random.fraction()) * meanBytes);
    return { path: join(root, parent, `folder-${folder}`, `file-${i}.${content}`), bytes, content };
  });
}

/** Draws the contents of files from streams without end, so that no two share anything. */
class Bytes {
  readonly #streams: Readonly<Record<FileGroup["content"], Generator<Uint8Array<ArrayBuffer>, void, void>>>;
  readonly #rest: Record<FileGroup["content"], Uint8Array<ArrayBuffer>> = {
    text: new Uint8Array(0),
    noise: new Uint8Array(0),
  };

  constructor(seed: number) {
    this.#streams = { text: dumps(seed), noise: generateNoise("random", seed, Infinity) };
  }

  /** Writes a file anew, or the bytes from `offset` on. */
  async write({ path, bytes, content }: TreeFile, offset?: number): Promise<void> {
    using file = await Deno.open(path, { write: true, create: true, truncate: offset === undefined });
    if (offset !== undefined) await file.seek(offset, Deno.SeekMode.Start);
    for (let left = bytes; left > 0;) {
      const piece = this.#take(content, left);
      for (let written = 0; written < piece.length;) written += await file.write(piece.subarray(written));
      left -= piece.length;
    }
  }

  #take(content: FileGroup["content"], most: number): Uint8Array<ArrayBuffer> {
    if (this.#rest[content].length === 0) this.#rest[content] = this.#streams[content].next().value!;
    const piece = this.#rest[content].subarray(0, most);
    this.#rest[content] = this.#rest[content].subarray(piece.length);
    return piece;
  }
}

const DUMP_BYTES = 2e9;

function* dumps(seed: number): Generator<Uint8Array<ArrayBuffer>, void, void> {
  for (let number = 0;; number++) {
    yield* generateDump({ ...DEFAULT_DUMP, seed: seed * 1000 + number, bytes: DUMP_BYTES });
  }
}
