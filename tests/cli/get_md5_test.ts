/** `agent get --md5`: which restores can compare an MD5, and what they say. */
import { deepEqual, equal, match } from "node:assert/strict";
import { join } from "node:path";
import { ExitCode } from "../../src/base/errors.ts";
import { localFiles } from "../../src/cli/process/local_files.ts";
import { Desk } from "./desk.ts";

Deno.test("get tells the MD5 of a stream only with --md5", async () => {
  await Desk.with(async (desk) => {
    await desk.put("shop", "abc");
    const intoFile = ["get", "shop", "-o", join(desk.directory, "out"), "--overwrite"];
    const md5Told = async (...options: string[]) => {
      const [{ md5, compared }] = await desk.json(...intoFile, ...options) as [Record<string, unknown>];
      return [md5, compared];
    };
    deepEqual(await md5Told("--md5"), ["900150983cd24fb0d6963f7d28e17f72", true]);
    deepEqual(await md5Told(), [null, true]);
    match((await desk.run(intoFile)).stderr, /; SHA-256 as in the manifest/);
    match((await desk.run(["get", "shop", "--md5"])).stderr, /; MD5 and SHA-256 as in the manifest/);
    match((await desk.run(["get", "shop", "--archive", "tar", "--md5"])).stderr, /; MD5 and SHA-256 of 1 stream/);
  });
});

// The C library that walks the files stays loaded.
Deno.test("get refuses --md5 where there is no whole stream", { sanitizeResources: false }, async () => {
  await Desk.with(async (desk) => {
    await desk.put("shop", "abc");
    await desk.run(["put", "files", join(desk.directory, "password")], { files: localFiles() });
    const refusal = async (...what: string[]) => {
      const { exitCode, stderr } = await desk.run(["get", ...what, "--md5"]);
      equal(exitCode, ExitCode.usage);
      return stderr;
    };
    match(
      await refusal("shop", "--table", "orders"),
      /--md5 is for whole streams, not for tables of one: leave it out/,
    );
    match(
      await refusal("files", "--target", join(desk.directory, "restored")),
      /agent verify compares the MD5 of each/,
    );
  });
});
