/** Makes guards: all formats in the order in which they are tried, and the choice by a stream's first bytes. */
import { invariant } from "../base/errors.ts";
import { bzip2Format } from "./container/bzip2.ts";
import { lz4Format } from "./container/lz4.ts";
import { xzFormat } from "./container/xz.ts";
import { etcdFormat } from "./database/etcd.ts";
import { mongodumpFormat } from "./database/mongodump.ts";
import { pgCopyFormat } from "./database/pg_copy.ts";
import { redisFormat } from "./database/redis.ts";
import { sqliteFileFormat } from "./database/sqlite_file.ts";
import type { BuiltInGuardChoice, Guard, Verdict } from "./guard.ts";
import { gzipFormat } from "./gzip.ts";
import { type Format, HEAD_BYTES, type Judge, silentJudge } from "./judge.ts";
import { pgArchiveFormat } from "./pg_archive.ts";
import { isSqlDialect, SqlJudge } from "./sql/sql_judge.ts";
import type { PieceSink } from "./tables/piece.ts";
import { tarFormat } from "./tar.ts";
import { Head } from "./window.ts";
import { xbstreamFormat } from "./xbstream.ts";
import { zstdFormat } from "./zstd.ts";

const COMPRESSED: readonly Format[] = [gzipFormat, zstdFormat];
/** Containers whose content is not judged. */
const SEALED: readonly Format[] = [xzFormat, bzip2Format, lz4Format];
const DATABASES: readonly Format[] = [pgCopyFormat, redisFormat, etcdFormat, mongodumpFormat, sqliteFileFormat];
/** Formats that contain no other format. */
const FLAT: readonly Format[] = [
  ...SEALED,
  xbstreamFormat,
  pgArchiveFormat,
  ...DATABASES,
  tarFormat,
];
/** Formats recognised by the first bytes. No two of them recognise the same head, and the cheap ones come first. */
const FORMATS: readonly Format[] = [...COMPRESSED, ...FLAT];

/** How many levels of compression within compression are followed. */
const MAX_COMPRESSIONS = 3;

/**
 * A guard for one stream. `auto` recognises binary formats by the first bytes, and SQL dumps wherever they begin. The
 * name of a format requires it: a stream of any other format is incomplete. `none` looks at nothing. `pieces` receives
 * what a dump consists of, if it is one that can be divided and is not compressed.
 */
export function createGuard(choice: BuiltInGuardChoice, pieces?: PieceSink): Guard {
  const judge = judgeFor(choice, pieces);
  return {
    push: (bytes) => judge.push(bytes),
    finish: () => Promise.resolve(judge.finish()),
    dispose: () => judge.dispose(),
  };
}

function judgeFor(choice: BuiltInGuardChoice, pieces: PieceSink | undefined): Judge {
  if (choice === "auto") return new AutoJudge(0, pieces);
  if (choice === "none") return silentJudge("no guard was asked for");
  if (isSqlDialect(choice)) return new SqlJudge(choice, undefined, pieces);
  const format = FORMATS.find(({ name }) => name === choice);
  invariant(format, "Every format has a judge");
  return format.judge(() => new AutoJudge(1), pieces);
}

/** Holds back the first bytes until they tell the format. */
class AutoJudge implements Judge {
  readonly #compressions: number;
  readonly #head = new Head(HEAD_BYTES);
  #judge: Judge | null = null;

  readonly #pieces: PieceSink | undefined;

  /** `compressions`: the number of compressed streams around this one. */
  constructor(compressions: number, pieces?: PieceSink) {
    this.#compressions = compressions;
    this.#pieces = pieces;
  }

  push(bytes: Uint8Array): void {
    if (this.#judge !== null) return this.#judge.push(bytes);
    const used = this.#head.push(bytes);
    if (this.#head.full) this.#decide().push(bytes.subarray(used));
  }

  finish(): Verdict {
    return (this.#judge ?? this.#decide()).finish();
  }

  dispose(): void {
    this.#judge?.dispose();
  }

  #decide(): Judge {
    const head = this.#head.bytes;
    const formats = this.#compressions < MAX_COMPRESSIONS ? FORMATS : FLAT;
    const format = formats.find((candidate) => candidate.recognises(head));
    const nested = () => new AutoJudge(this.#compressions + 1);
    this.#judge = format?.judge(nested, this.#pieces) ?? new SqlJudge(null, undefined, this.#pieces);
    this.#judge.push(head);
    return this.#judge;
  }
}
