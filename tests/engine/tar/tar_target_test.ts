/** Directories written with GNU tar: what it could not restore, and where it breaks off. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { AgentError, UsageError } from "../../../src/base/errors.ts";
import { backUp, parentOf, restore, type StoredLevel } from "../../conformance/engine_frame.ts";
import { concat } from "../../helpers/world.ts";
import { programTest } from "../../helpers/programs.ts";
import { bytesOf } from "../../guard/judging.ts";
import { paxRecord, TAR_END, tarMember } from "../../guard/samples.ts";
import { TarFixture } from "./tar_fixture.ts";

const NOTHING = new Uint8Array(0);

/** A test with a fixture, and a level 0 of its directory. */
function targetTest(name: string, fn: (fixture: TarFixture, zero: StoredLevel) => Promise<void>): void {
  programTest({
    name: `tar: ${name}`,
    needs: ["tar", "rsync", "bash", "find"],
    async fn() {
      const fixture = await TarFixture.create();
      try {
        await fixture.change(0);
        await fn(fixture, await backUp(fixture.registry.source(fixture.source).driver, null));
        assert.deepEqual(await fixture.leftovers(), []);
      } finally {
        await fixture.dispose();
      }
    },
  });
}

function withArchive(level: StoredLevel, bytes: Uint8Array): StoredLevel {
  return { ...level, items: [{ item: level.items[0]!.item, bytes }] };
}

targetTest("what tar could not restore is a problem, and the rest is there", async (fixture, zero) => {
  const registry = await fixture.program(
    'tar "$@"; echo "tar: ./dev: Cannot mknod: Operation not permitted" >&2\n' +
      "echo 'tar: Exiting with failure status due to previous errors' >&2; exit 2",
  );
  const assertSame = await fixture.keep();
  const target = await fixture.target();
  const problems = await restore(registry.target(target).driver, [zero]);
  assert.deepEqual(problems, ["./dev: Cannot mknod: Operation not permitted"]);
  await assertSame(target);
});

targetTest("a tar that breaks off leaves a part, and its last words stand in the error", async (fixture, zero) => {
  const half = withArchive(zero, zero.items[0]!.bytes.subarray(0, 200_000));
  const full = await fixture.program(
    "echo 'tar: ./x: Cannot write: No space left on device' >&2; cat >/dev/null\n" +
      "echo 'tar: Exiting with failure status due to previous errors' >&2; exit 2",
  );
  const cases = [
    [fixture.registry, half, /Cannot restore into ".*": tar exited with 2: .*; it holds a part of the backup$/],
    [full, zero, /no space left; it/],
    [full, withArchive(zero, half.items[0]!.bytes.subarray(0, 1000)), /no space left; it/],
    [await fixture.program("echo 'tar: odd' >&2; exit 64"), zero, /tar exited with 64: tar: odd; it holds/],
  ] as const;
  for (const [registry, level, message] of cases) {
    await assert.rejects(restore(registry.target(await fixture.target()).driver, [level]), (error: Error) => {
      assert.ok(error instanceof AgentError);
      assert.match(error.message, message);
      return true;
    });
  }
});

targetTest("zeros may follow an archive, more than tar reads", async (fixture, zero) => {
  const { bytes } = zero.items[0]!;
  const assertSame = await fixture.keep();
  const target = await fixture.target();
  const padded = withArchive(zero, concat([bytes, new Uint8Array(2 ** 22)]));
  assert.deepEqual(await restore(fixture.registry.target(target).driver, [padded]), []);
  await assertSame(target);
});

targetTest("what is overwritten becomes what the backup is, and nothing else stays", async (fixture, zero) => {
  const assertSame = await fixture.keep();
  const target = await fixture.target();
  const where = target.replace("tar:", "");
  await Deno.mkdir(join(where, "etc/foreign"), { recursive: true });
  await Deno.writeTextFile(join(where, "etc/foreign/file"), "");
  await Deno.symlink("/", join(where, "moved"));
  await assert.rejects(
    restore(fixture.registry.target(target).driver, [zero]),
    (error: Error) => error instanceof UsageError && /is not empty.*--overwrite/.test(error.message),
  );
  await restore(fixture.registry.target(target).driver, [zero], { overwrite: true });
  await assertSame(target);
});

targetTest("a directory in which the repository lies is refused, or one in it", async (fixture, zero) => {
  const target = await fixture.target();
  const where = target.replace("tar:", "");
  await Deno.mkdir(join(where, "deep/repo/data"), { recursive: true });
  await Deno.symlink(join(where, "deep"), join(where, "link"));
  const request = { overwrite: true, repository: join(where, "link/repo") };
  for (const path of ["", "/deep", "/deep/repo", "/link/repo/data"]) {
    await assert.rejects(
      restore(fixture.registry.target(target + path).driver, [zero], request),
      (error: Error) => error instanceof UsageError && /the repository would be lost; name another/.test(error.message),
    );
  }
  await Deno.mkdir(join(where, "deep/repository"));
  await restore(fixture.registry.target(`${target}/deep/repository`).driver, [zero], request);
  await Deno.stat(join(where, "deep/repo/data"));
});

targetTest("levels of another engine are refused", async (fixture, zero) => {
  const item = { kind: "stream", path: "shop.sql", size: 1 } as const;
  for (const items of [[{ item, bytes: Uint8Array.of(1) }], []]) {
    const target = fixture.registry.target(await fixture.target()).driver;
    await assert.rejects(
      restore(target, [{ ...zero, items }]),
      /Level 0 is not of tar: it has .*; restore it with --raw/,
    );
  }
});

targetTest("owners come back by number or by name", async (fixture, zero) => {
  const target = await fixture.target();
  assert.deepEqual(await restore(fixture.registry.target(`${target}?owner=names`).driver, [zero]), []);
  assert.throws(
    () => fixture.registry.target(`${target}?owner=ids`),
    /tar: owner cannot be "ids"; it is one of numbers, names/,
  );
});

/** Archives for level 1, made by nobody's tar. Level 0 left a file `f` and a link `out` to a directory beside. */
const HOSTILE: Readonly<Record<string, readonly Uint8Array[]>> = {
  "a file": [file("./out/planted")],
  "a file with a long name": [records({ path: "./out/planted" }), file("f")],
  "a file with a hole": [records({ path: "f", "GNU.sparse.name": "./out/planted" }), file("f")],
  "a file below a name that is not UTF-8": [file("\xff/out/planted")],
  "a deletion": [records({ "GNU.dumpdir": "Yother\0\0" }), directory("./out/sub/")],
  "a hard link": [tarMember(NOTHING, { name: "hard", type: "1", linkName: "out/sub/file" })],
  "a name that leads up": [file("../outside/planted")],
  "a name with a NUL": [records({ path: "f\0/x" }), file("f")],
  "a move from outside": [records({ "GNU.dumpdir": "Rout/sub/file\0Tmoved\0Nout\0\0" }), directory("./")],
  "a move to outside": [records({ "GNU.dumpdir": "Rf\0Tout/moved\0Nout\0\0" }), directory("./")],
  "a temporary directory": [records({ "GNU.dumpdir": "Xout\0R\0Tx\0Nout\0\0" }), directory("./")],
  "a link in the place of a directory": [
    directory("./one/"),
    tarMember(NOTHING, { name: "./one", type: "2", linkName: "out" }),
    file("./one/planted"),
  ],
  "GNU's long name": [tarMember(bytesOf("./out/planted\0"), { name: "././@LongLink", type: "L" }), file("f")],
  "half a header": [file("f").map((byte) => byte ^ 1)],
};

targetTest("no level gets out through a link that an earlier one left", async (fixture) => {
  const outside = "../outside";
  await fixture.script(`mkdir -p ${outside}/sub; echo kept >${outside}/sub/file; ln -s $PWD/${outside} out; echo f >f`);
  const zero = await backUp(fixture.registry.source(fixture.source).driver, null);
  for (const [what, members] of Object.entries(HOSTILE)) {
    const hostile = withArchive({ ...zero, level: 1 }, concat([...members, TAR_END]));
    const target = fixture.registry.target(await fixture.target()).driver;
    await assert.rejects(restore(target, [zero, hostile]), /leads out of the directory/, what);
    assert.equal(
      await fixture.script(`cd ${outside}; find . -type f -exec cat {} +; find . | wc -l`),
      "kept\n3\n",
      what,
    );
  }
});

targetTest("a directory may take the place of a link, and a link that of a directory", async (fixture) => {
  await fixture.script("mkdir ../outside 1; echo kept >../outside/file; echo 1 >1/file; ln -s ../outside 2");
  const zero = await backUp(fixture.registry.source(fixture.source).driver, null);
  await fixture.script("mv 1 3; rm 2; ln -s ../outside 1; mkdir -p 2/deep; echo 2 >2/deep/file");
  const one = await backUp(fixture.registry.source(fixture.source).driver, parentOf(zero));
  const assertSame = await fixture.keep();
  const target = await fixture.target();
  assert.deepEqual(await restore(fixture.registry.target(target).driver, [zero, one]), []);
  await assertSame(target);
});

function file(name: string): Uint8Array<ArrayBuffer> {
  return tarMember(bytesOf("foreign"), { name });
}

function directory(name: string): Uint8Array<ArrayBuffer> {
  return tarMember(NOTHING, { name, type: "5" });
}

function records(of: Readonly<Record<string, string>>): Uint8Array<ArrayBuffer> {
  return tarMember(concat(Object.entries(of).map((one) => paxRecord(...one))), { name: "x", type: "x" });
}
