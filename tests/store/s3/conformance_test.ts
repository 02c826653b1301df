/** The S3 store against the contract of all stores, on servers of several kinds without a network. */
import type { StoreFixture } from "../../conformance/store_suite.ts";
import { storeConformance } from "../../conformance/store_suite.ts";
import { S3Double, type S3DoubleOptions, storeOn } from "./s3_double.ts";

const SMALL_PARTS = { partSizes: { singleBytes: 50_000, partBytes: 20_000 } };

async function fixture(options: S3DoubleOptions, more: Parameters<typeof storeOn>[1] = {}): Promise<StoreFixture> {
  const double = new S3Double(options);
  const store = storeOn(double, more);
  await store.create();
  return {
    store,
    reopen: () => Promise.resolve(storeOn(double, more)),
    plant(path, bytes) {
      double.buckets.get("backups")!.set(`some/prefix/${path}`, new Uint8Array(bytes));
      return Promise.resolve();
    },
    dispose: () => store.close(),
  };
}

const LARGE = {
  test: "a file of 64 MiB comes back whole, or is given up in the middle",
  reason: "the size says nothing about this server",
};
const RACE = {
  test: "of several writers of one name exactly one wins",
  reason: "without conditional puts nobody can see the others",
};

storeConformance("S3 store", { create: () => fixture({ pageSize: 100 }) });
storeConformance("S3 store without conditional puts", { create: () => fixture({ conditionalPut: "unknown" }) }, [
  RACE,
  LARGE,
]);
storeConformance("S3 store in small parts", { create: () => fixture({}, SMALL_PARTS) }, [LARGE]);
