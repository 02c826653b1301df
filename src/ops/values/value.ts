/** Values under keys: what is set, what is stored, and the limits. Each version of a value is a backup of its own. */
import type { Backup } from "../../backup/backup.ts";
import type { JsonObject } from "../../format/json/json_text.ts";

/** The engine of backups that hold a value. */
export const VALUES_ENGINE = "kv";

/** The most bytes of one value: it is held in memory as a whole. */
export const MOST_VALUE_BYTES = 64 * 1024 * 1024;

/** The names of the one file of a value, which say what it holds. */
export const VALUE_FILE_NAMES = ["value.json", "value", "value.enc"] as const;
/** JSON text, bytes, or either of them under a password of its own. */
export type ValueFileName = typeof VALUE_FILE_NAMES[number];

/** A value to be set. */
export interface ValueToSet {
  /** The key. */
  readonly key: string;
  /** What the content is. */
  readonly fileName: ValueFileName;
  /** The bytes that are stored. */
  readonly content: Uint8Array;
  /** Whether the repository compresses it. */
  readonly compression: "off" | "auto";
  /** What its manifest says beside it; no secrets. */
  readonly options: JsonObject;
}

/** A value as it is stored. */
export interface StoredValue {
  /** The key. */
  readonly key: string;
  /** What the content is. */
  readonly fileName: ValueFileName;
  /** The stored bytes, of which every digest was compared. */
  readonly content: Uint8Array;
  /** The backup that holds it. */
  readonly backup: Backup;
  /** What its manifest says beside it. */
  readonly options: JsonObject;
}
