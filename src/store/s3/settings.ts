/** The user's settings for S3, by restic's names. */
import { UsageError } from "../../base/errors.ts";
import type { BucketStyle } from "./bucket_address.ts";

/** The settings of an S3 store; undefined means that a setting was not given. */
export interface S3Settings {
  readonly region: string | undefined;
  /** How many requests run at once. */
  readonly connections: number;
  readonly storageClass: string | undefined;
  /** If undefined, `bucketStyleOf` chooses. */
  readonly bucketStyle: BucketStyle | undefined;
  /** Sends requests without a signature, for public buckets. */
  readonly anonymous: boolean;
}

type Reader = (value: string) => Partial<S3Settings> | undefined;

/**
 * Storage classes whose files must be requested hours before they can be read. A repository with trees, indexes and
 * locks in such a class could be neither listed nor restored.
 */
const ARCHIVE_CLASSES: readonly string[] = ["GLACIER", "DEEP_ARCHIVE"];

/** `read` returns what a value means, or undefined if it is malformed; `wants` says what it should look like. */
const READER_BY_NAME: Readonly<Record<string, { readonly wants: string; readonly read: Reader }>> = {
  "s3.region": {
    wants: "a region such as eu-central-1",
    read: (value) => /^[A-Za-z0-9._-]{1,64}$/.test(value) ? { region: value } : undefined,
  },
  "s3.connections": {
    wants: "a number from 1 to 1000",
    read: (value) => /^[1-9]\d{0,2}$|^1000$/.test(value) ? { connections: Number(value) } : undefined,
  },
  "s3.storage-class": {
    wants: "a class that can be read at once, such as STANDARD_IA",
    read: (value) => {
      return /^[A-Za-z0-9_-]{1,64}$/.test(value) && !ARCHIVE_CLASSES.includes(value)
        ? { storageClass: value }
        : undefined;
    },
  },
  "s3.bucket-lookup": {
    wants: "auto, dns or path",
    read: (value) => {
      if (value === "auto") return {};
      return value === "dns" || value === "path" ? { bucketStyle: value } : undefined;
    },
  },
  "s3.unsafe-anonymous-auth": {
    wants: "true or false",
    read: (value) => ["true", "false"].includes(value) ? { anonymous: value === "true" } : undefined,
  },
};

/**
 * Reads the settings whose names begin with `s3.`; those of other stores are ignored. Throws `UsageError` for an
 * unknown name and for a malformed value.
 */
export function readS3Settings(settings: ReadonlyMap<string, string>): S3Settings {
  const read: S3Settings = {
    region: undefined,
    connections: 12,
    storageClass: undefined,
    bucketStyle: undefined,
    anonymous: false,
  };
  const ours = [...settings].filter(([name]) => name.startsWith("s3."));
  return ours.reduce((all, [name, value]) => ({ ...all, ...readSetting(name, value) }), read);
}

function readSetting(name: string, value: string): Partial<S3Settings> {
  const reader = Object.hasOwn(READER_BY_NAME, name) ? READER_BY_NAME[name] : undefined;
  if (!reader) {
    throw new UsageError(
      `Unknown setting ${JSON.stringify(name)}; known are ${Object.keys(READER_BY_NAME).join(", ")}`,
    );
  }
  const setting = reader.read(value);
  if (!setting) throw new UsageError(`${name} cannot be ${JSON.stringify(value)}; give it ${reader.wants}`);
  return setting;
}
