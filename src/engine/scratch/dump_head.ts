/** The beginnings of the dumps that a target gets, which tell how they were made. */
import { Buffer } from "node:buffer";
import type { EngineTarget, TargetStream } from "../engine.ts";
import type { Driven } from "../engine_urls.ts";
import { withWrappedStreams } from "./wrapped_streams.ts";

/** How much of a dump is its beginning: `pg_dump --clean` begins with what it drops. */
const HEAD_BYTES = 16 * 1024;
const DROPS_BLINDLY = /^(?:DROP (?!.*\bIF EXISTS\b)|ALTER TABLE (?!IF EXISTS\b).* DROP )/m;

/** Whether a dump of PostgreSQL begins by dropping what has to be there: `--clean` without `--if-exists`. */
export function dropsBlindly(head: string): boolean {
  return DROPS_BLINDLY.test(head);
}

/** The same target; `onHead` gets the beginning of each dump, as it grows, with a character for each byte. */
export function tellingHeads(target: Driven<EngineTarget>, onHead: (head: string) => void): Driven<EngineTarget> {
  const wrap = (stream: TargetStream) => tellingHead(stream, onHead);
  return { ...target, driver: withWrappedStreams(target.driver, () => ({ wrap })) };
}

function tellingHead(stream: TargetStream, onHead: (head: string) => void): TargetStream {
  let head = "";
  return {
    async write(bytes) {
      if (head.length < HEAD_BYTES) {
        head += Buffer.from(bytes.slice(0, HEAD_BYTES - head.length)).toString("latin1");
        onHead(head);
      }
      await stream.write(bytes);
    },
    end: () => stream.end(),
  };
}
