/** The user's settings for S3, by restic's names. */
import { UsageError } from "../../base/errors.ts";
import { parseSpan } from "../../base/text/duration.ts";
import type { BucketStyle } from "./bucket_address.ts";

/** How packs are restored from archive classes. */
export interface ArchiveSettings {
  /** How many days a restored copy stays readable. */
  readonly days: number;
  /** How soon the server restores, as S3 names it. */
  readonly tier: string;
  /** How long to wait for one pack, in milliseconds. */
  readonly timeoutMs: number;
}

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
  /** Whether packs are restored from archive classes when they are needed. */
  readonly restoresArchived: boolean;
  readonly archive: ArchiveSettings;
}

type Read = Partial<Omit<S3Settings, "archive">> & { readonly archive?: Partial<ArchiveSettings> };

type Reader = (value: string) => Read | undefined;

/**
 * Storage classes whose files must be requested hours before they can be read. No file is stored in one of them: indexes
 * and locks there could not even be listed, and packs hold the manifests that the next backup reads. A rule of the
 * bucket may move old packs there.
 */
export const ARCHIVE_CLASSES: readonly string[] = ["GLACIER", "DEEP_ARCHIVE"];

/** How soon a server restores, as S3 names it. */
const RESTORE_TIERS: readonly string[] = ["Expedited", "Standard", "Bulk"];

const MOST_RESTORE_DAYS = 10_000;

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
  "s3.enable-restore": {
    wants: "true or false",
    read: (value) => ["true", "false"].includes(value) ? { restoresArchived: value === "true" } : undefined,
  },
  "s3.restore-days": {
    wants: `a number of days from 1 to ${MOST_RESTORE_DAYS}`,
    read: (value) => {
      const days = /^\d{1,5}$/.test(value) ? Number(value) : 0;
      return days >= 1 && days <= MOST_RESTORE_DAYS ? { archive: { days } } : undefined;
    },
  },
  "s3.restore-timeout": {
    wants: "a duration such as 24h",
    read: (value) => /^(\d{1,9}[smhd])+$/.test(value) ? { archive: { timeoutMs: parseSpan(value) } } : undefined,
  },
  "s3.restore-tier": {
    wants: `one of ${RESTORE_TIERS.join(", ")}`,
    read: (value) => RESTORE_TIERS.includes(value) ? { archive: { tier: value } } : undefined,
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
    restoresArchived: false,
    archive: { days: 7, tier: "Standard", timeoutMs: 24 * 3_600_000 },
  };
  const ours = [...settings].filter(([name]) => name.startsWith("s3."));
  return ours.reduce((all, [name, value]) => {
    const { archive, ...others } = readSetting(name, value);
    return { ...all, ...others, archive: { ...all.archive, ...archive } };
  }, read);
}

function readSetting(name: string, value: string): Read {
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
