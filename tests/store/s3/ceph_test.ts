/** The S3 store on Ceph, which knows conditional puts; and restic on the same bucket, in both directions. */
import { deepEqual, equal } from "node:assert/strict";
import { createHash } from "node:crypto";
import { systemRandomBytes } from "../../../src/crypto/random.ts";
import { openLocalStore } from "../../../src/store/local/local_store.ts";
import type { BlobStore, FileKind, FileName } from "../../../src/store/store.ts";
import { storeConformance } from "../../conformance/store_suite.ts";
import { listing } from "../../conformance/stored_files.ts";
import { emptySandbox } from "../../helpers/executable.ts";
import { findProgram, programTest } from "../../helpers/programs.ts";
import { Restic, resticTest } from "../../helpers/restic.ts";
import { RemoteSandbox } from "../../helpers/servers.ts";
import { RealS3 } from "./real_server.ts";

const KINDS: readonly FileKind[] = ["config", "key", "lock", "snapshot", "index", "pack"];

async function filesOf(store: BlobStore): Promise<FileName[]> {
  const files: FileName[] = [];
  for (const kind of KINDS) for (const name of (await listing(store, kind)).keys()) files.push({ kind, name });
  return files;
}

const program = findProgram("s3-server");
if (program === undefined) {
  programTest({ name: "S3 store on Ceph", needs: ["s3-server"], fn() {} });
} else {
  const ceph = new RealS3(program, "ceph");
  Deno.test.afterAll(() => ceph.stop());
  storeConformance("S3 store on Ceph", { create: () => ceph.fixture() });

  resticTest("restic reads what the S3 store put, and the S3 store what restic put", async (resticProgram) => {
    await using box = await emptySandbox();
    await box.file("password", "restic in a bucket\n");
    const local = await Restic.in(box, resticProgram);
    await local.ok(["init"]);
    await local.ok(["backup", "--stdin", "--stdin-filename", "notes"], { stdin: "kept in a bucket" });

    const place = await ceph.place();
    const { env } = await ceph.server();
    const source = openLocalStore(box.repo, { random: systemRandomBytes });
    const store = await ceph.open(place);
    await store.create();
    for (const file of await filesOf(source)) await store.put(file, [await source.get(file)]);

    const remote = await Restic.in(new RemoteSandbox(box, `s3:${place}`, env), resticProgram);
    await remote.check();
    equal(await remote.ok(["dump", "latest", "/notes"]), "kept in a bucket");
    await remote.ok(["backup", "--stdin", "--stdin-filename", "more"], { stdin: "put there by restic" });

    equal((await listing(store, "snapshot")).size, 2);
    for (const file of await filesOf(store)) {
      const bytes = await store.get(file);
      equal(bytes.length, await store.size(file));
      if (file.kind !== "config") equal(createHash("sha256").update(bytes).digest("hex"), file.name);
    }
    deepEqual([...(await listing(store, "lock")).keys()], []);
    await Promise.all([source.close(), store.close()]);
  });
}
