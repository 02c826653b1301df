/** What a user can set for S3. */
import { deepEqual, equal, throws } from "node:assert/strict";
import { UsageError } from "../../../src/base/errors.ts";
import { readS3Settings } from "../../../src/store/s3/settings.ts";

const read = (settings: Readonly<Record<string, string>>) => readS3Settings(new Map(Object.entries(settings)));

Deno.test("settings have restic's names and defaults", () => {
  deepEqual(read({ "rest.connections": "7" }), {
    region: undefined,
    connections: 12,
    storageClass: undefined,
    bucketStyle: undefined,
    anonymous: false,
    restoresArchived: false,
    archive: { days: 7, tier: "Standard", timeoutMs: 86_400_000 },
  });
  deepEqual(
    read({
      "s3.region": "eu-central-1",
      "s3.connections": "20",
      "s3.storage-class": "STANDARD_IA",
      "s3.bucket-lookup": "dns",
      "s3.unsafe-anonymous-auth": "true",
      "s3.enable-restore": "true",
      "s3.restore-days": "30",
      "s3.restore-tier": "Bulk",
      "s3.restore-timeout": "1d12h",
    }),
    {
      region: "eu-central-1",
      connections: 20,
      storageClass: "STANDARD_IA",
      bucketStyle: "dns",
      anonymous: true,
      restoresArchived: true,
      archive: { days: 30, tier: "Bulk", timeoutMs: 36 * 3_600_000 },
    },
  );
  equal(read({ "s3.bucket-lookup": "auto" }).bucketStyle, undefined);
});

for (
  const [name, value] of [
    ["s3.regoin", "x"],
    ["s3.toString", "x"],
    ["s3.connections", "0"],
    ["s3.connections", "1001"],
    ["s3.connections", "many"],
    ["s3.bucket-lookup", "both"],
    ["s3.region", "eu west"],
    ["s3.storage-class", "A\r\nB"],
    ["s3.storage-class", "GLACIER"],
    ["s3.storage-class", "DEEP_ARCHIVE"],
    ["s3.unsafe-anonymous-auth", "yes"],
    ["s3.enable-restore", "yes"],
    ["s3.restore-days", "0"],
    ["s3.restore-days", "a week"],
    ["s3.restore-timeout", "24"],
    ["s3.restore-tier", "fast"],
  ] as const
) {
  Deno.test(`${name}=${JSON.stringify(value)} is refused`, () => throws(() => read({ [name]: value }), UsageError));
}
