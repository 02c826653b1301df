/** Makes guards: all formats in the order they are tried, and the choice among them by a stream's first bytes. */
import type { Guard, GuardChoice, Verdict } from "./guard.ts";
import { gzipFormat } from "./gzip.ts";
import { type Format, HEAD_BYTES, type Judge, silentJudge } from "./judge.ts";
import { pgArchiveFormat } from "./pg_archive.ts";
import { sqlDumpFormats } from "./sql_dump.ts";
import { tarFormat } from "./tar.ts";
import { Head } from "./window.ts";
import { xbstreamFormat } from "./xbstream.ts";
import { zstdFormat } from "./zstd.ts";

/** No two of them recognise the same head; the cheap ones come first. */
const FORMATS: readonly Format[] = [
  gzipFormat,
  zstdFormat,
  xbstreamFormat,
  pgArchiveFormat,
  tarFormat,
  ...sqlDumpFormats,
];

/** Compression within compression is followed this deep. */
const MAX_COMPRESSIONS = 3;

/**
 * A guard for one stream. `auto` recognises the format by the first bytes; a format by name is insisted on: a stream that
 * does not begin like it is incomplete; `none` looks at nothing.
 */
export function createGuard(choice: GuardChoice): Guard {
  const judge = judgeFor(choice);
  return {
    push: (bytes) => judge.push(bytes),
    finish: () => Promise.resolve(judge.finish()),
    dispose: () => judge.dispose(),
  };
}

function judgeFor(choice: GuardChoice): Judge {
  if (choice === "auto") return new AutoJudge(0);
  const format = FORMATS.find(({ name }) => name === choice);
  return format?.judge(() => new AutoJudge(1)) ?? silentJudge("no guard was asked for");
}

/** Holds back the first bytes until they tell the format. */
class AutoJudge implements Judge {
  readonly #compressions: number;
  readonly #head = new Head(HEAD_BYTES);
  #judge: Judge | null = null;

  /** `compressions`: in how many compressed streams this one lies. */
  constructor(compressions: number) {
    this.#compressions = compressions;
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
    const format = FORMATS.find((candidate) => candidate.recognises(head));
    this.#judge = format?.judge(() => this.#nested()) ?? silentJudge("the stream is of no format a guard knows");
    this.#judge.push(head);
    return this.#judge;
  }

  #nested(): Judge {
    const compressions = this.#compressions + 1;
    return compressions < MAX_COMPRESSIONS
      ? new AutoJudge(compressions)
      : silentJudge(`compressed more than ${MAX_COMPRESSIONS} times`);
  }
}
