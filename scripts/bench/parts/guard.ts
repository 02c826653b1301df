/** The time that the guards of text dumps take, compared with the digests, which run in the same thread. */
import { StreamDigest } from "../../../src/crypto/digest.ts";
import { createGuard } from "../../../src/guard/formats.ts";
import { Random } from "../../dumps/random.ts";
import { median } from "../result/medians.ts";
import { alignColumns } from "../result/report.ts";
import type { Verdict } from "../result/targets.ts";

/**
 * The kinds of dumps, by the layout of their rows, and the limit for a guard on each as a share of the digests' time.
 */
const KINDS = [
  { kind: "mysqldump, many rows a line", target: 0.05, ...mysqlDump(1_000) },
  { kind: "mariadb-dump, a row a line", target: 0.05, ...mysqlDump(1) },
  { kind: "pg_dump, COPY", target: 0.05, ...pgDump("copy") },
  { kind: "pg_dump --inserts", target: 0.3, ...pgDump("inserts") },
] as const;

const DUMP_BYTES = 64e6;
/** The size of the segments that a put passes to its threads. */
const SEGMENT_BYTES = 512 * 1024;

/** The time of one pass over a dump. */
export interface GuardSample {
  readonly kind: string;
  readonly digestSeconds: number;
  readonly guardSeconds: number;
}

/**
 * Judges and digests a dump of each kind in memory, segment by segment, `rounds` times. Throws if a guard finds it
 * incomplete.
 */
export async function measureGuards(rounds: number, bytes = DUMP_BYTES): Promise<GuardSample[]> {
  const samples: GuardSample[] = [];
  for (const { kind, head, rows, end } of KINDS) {
    const dump = makeDump(head, rows, end, bytes);
    // The first pass is not counted: the runtime compiles its code.
    for (let round = 0; round <= rounds; round++) {
      const sample = await measure(kind, dump);
      if (round > 0) samples.push(sample);
    }
  }
  return samples;
}

async function measure(kind: string, dump: Uint8Array): Promise<GuardSample> {
  const [digest, guard] = [new StreamDigest({ md5: true }), createGuard("auto")];
  let [digestMs, guardMs] = [0, 0];
  for (let at = 0; at < dump.length; at += SEGMENT_BYTES) {
    const segment = dump.subarray(at, at + SEGMENT_BYTES);
    const start = performance.now();
    digest.update(segment);
    const between = performance.now();
    await guard.push(segment);
    guardMs += performance.now() - between;
    digestMs += between - start;
  }
  const { complete, reason } = await guard.finish();
  if (complete !== true) throw new Error(`The made ${kind} is not whole: ${reason}`);
  return { kind, digestSeconds: digestMs / 1000, guardSeconds: guardMs / 1000 };
}

/** A row for each kind: the share, and the medians of both. */
export function formatGuards(samples: readonly GuardSample[]): string {
  const rows = KINDS.map(({ kind }) => [
    kind,
    shareText(samples, kind),
    mediansOf(samples, kind, ({ guardSeconds }) => guardSeconds).toFixed(3),
    mediansOf(samples, kind, ({ digestSeconds }) => digestSeconds).toFixed(3),
  ]);
  return alignColumns([["median of", "share", "guard s", "digests s"], ...rows]);
}

/** The targets, one for each kind. */
export function judgeGuards(samples: readonly GuardSample[]): Verdict[] {
  return KINDS.map(({ kind, target }) => ({
    target: `guard on ${kind}: at most ${target * 100} % of the digests`,
    measured: shareText(samples, kind),
    met: shareOf(samples, kind) <= target,
  }));
}

function shareText(samples: readonly GuardSample[], kind: string): string {
  return `${(shareOf(samples, kind) * 100).toFixed(1)} %`;
}

function shareOf(samples: readonly GuardSample[], kind: string): number {
  return mediansOf(samples, kind, ({ guardSeconds, digestSeconds }) => guardSeconds / digestSeconds);
}

function mediansOf(samples: readonly GuardSample[], kind: string, value: (sample: GuardSample) => number): number {
  return median(samples.filter((sample) => sample.kind === kind).map(value));
}

/** The parts of a kind of dump. `rows` returns some rows, from the number of the first on, and how many they are. */
interface DumpParts {
  readonly head: string;
  readonly rows: (first: number, text: (words: number) => string) => readonly [text: string, count: number];
  readonly end: string;
}

function mysqlDump(rowsOnLine: number): DumpParts {
  const separator = rowsOnLine === 1 ? ",\n" : ",";
  return {
    head: "-- MySQL dump 10.13\n--\n-- Host: localhost    Database: shop\n",
    rows: (first, text) => {
      const rows = Array.from({ length: 1_000 }, (_, i) => `(${first + i},'${text(6)}','it\\'s ${text(2)}',NULL)`);
      return [`INSERT INTO \`t\` VALUES${rowsOnLine === 1 ? "\n" : " "}${rows.join(separator)};\n`, rows.length];
    },
    end: "-- Dump completed\n",
  };
}

function pgDump(form: "copy" | "inserts"): DumpParts {
  const isCopy = form === "copy";
  return {
    head: `--\n-- PostgreSQL database dump\n--\n\n${isCopy ? "COPY t (id, a, b, c) FROM stdin;\n" : ""}`,
    rows: (id, text) => [
      isCopy
        ? `${id}\t${text(6)}\tit's ${text(2)}\t\\N\n`
        : `INSERT INTO t VALUES (${id}, '${text(6)}', 'it''s ${text(2)}', NULL);\n`,
      1,
    ],
    end: `${isCopy ? "\\.\n" : ""}\n--\n-- PostgreSQL database dump complete\n--\n\n`,
  };
}

const WORDS = ["alpha", "beta", "gamma", "delta", "order", "customer", "a", "lazy", "dog", "shipped"];

/** A dump in shared memory, like the segments of a put. */
function makeDump(head: string, rows: DumpParts["rows"], end: string, bytes: number): Uint8Array {
  const random = new Random().seed(20261128);
  const text = (words: number) => Array.from({ length: words }, () => WORDS[random.below(WORDS.length)]).join(" ");
  const pieces = [head];
  for (let length = 0, id = 1; length < bytes;) {
    const [piece, count] = rows(id, text);
    pieces.push(piece);
    length += piece.length;
    id += count;
  }
  const encoded = new TextEncoder().encode(pieces.join("") + end);
  const shared = new Uint8Array(new SharedArrayBuffer(encoded.length));
  shared.set(encoded);
  return shared;
}
