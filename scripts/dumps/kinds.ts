/** The kinds of dumps that can be made, each with nights. */
import { DEFAULT_DUMP, generateDump } from "./dump.ts";
import { generateLogDump, LOG_GROWTH } from "./log.ts";
import { generateWideDump, WIDE_TURNOVER } from "./wide.ts";

/** A shop of six tables, one wide table of texts and JSON under UUIDs, and a log that is appended to. */
export const DUMP_KINDS = ["shop", "wide", "log"] as const;
export type DumpKind = (typeof DUMP_KINDS)[number];

/** What a dump of any kind needs. Equal values give equal bytes. */
interface Night {
  /** Length of the first night's dump. */
  readonly bytes: number;
  readonly night: number;
  readonly seed?: number;
}

/** The dump of a night, with the changes from night to night that its kind has by default. */
export function generateKind(
  kind: DumpKind,
  { bytes, night, seed = DEFAULT_DUMP.seed }: Night,
): Generator<Uint8Array<ArrayBuffer>, void, void> {
  switch (kind) {
    case "shop":
      return generateDump({ ...DEFAULT_DUMP, bytes, night, seed });
    case "wide":
      return generateWideDump({ ...WIDE_TURNOVER, bytes, night, seed });
    case "log":
      return generateLogDump({ ...LOG_GROWTH, bytes, night, seed });
  }
}
