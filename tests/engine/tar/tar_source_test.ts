/** Directories read with GNU tar: what changes, vanishes or is closed meanwhile, and what tar itself gets wrong. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { IntegrityError, SourceError, UnfitParentError } from "../../../src/base/errors.ts";
import type { OpenSource } from "../../../src/engine/engine.ts";
import { assertWhole, backUp, parentOf, readAll, restore, type StoredLevel } from "../../conformance/engine_frame.ts";
import { boundByModes } from "../../helpers/bound_by_modes.ts";
import { programTest } from "../../helpers/programs.ts";
import { sourceRequest } from "../../helpers/source_request.ts";
import { registryOf, TarFixture } from "./tar_fixture.ts";

const NEEDS = ["tar", "rsync", "bash", "find"] as const;

/** A test with a fixture, which leaves nothing behind. */
function tarTest<const Name extends string>(
  name: string,
  fn: (fixture: TarFixture, programs: Readonly<Record<Name, string>>) => Promise<void>,
  needs: readonly Name[] = [],
): void {
  programTest({
    name: `tar: ${name}`,
    needs: [...NEEDS, ...needs],
    async fn(programs) {
      const fixture = await TarFixture.create();
      try {
        await fn(fixture, programs as Readonly<Record<Name, string>>);
        assert.deepEqual(await fixture.leftovers(), []);
      } finally {
        await fixture.dispose();
      }
    },
  });
}

function level(fixture: TarFixture, parent?: StoredLevel, url = fixture.source): Promise<StoredLevel> {
  return backUp(fixture.registry.source(url).driver, parent === undefined ? null : parentOf(parent));
}

async function assertRestores(fixture: TarFixture, levels: readonly StoredLevel[]): Promise<void> {
  const assertSame = await fixture.keep();
  const target = await fixture.target();
  assert.deepEqual(await restore(fixture.registry.target(target).driver, levels), []);
  await assertSame(target);
}

/** The archive's source of a backup that has begun. */
async function begun(open: OpenSource) {
  for await (const item of open.items()) if (item.kind !== "entries") return item.source!;
  assert.fail("there is an archive");
}

function start(fixture: TarFixture): Promise<OpenSource> {
  return fixture.registry.source(fixture.source).driver.open(sourceRequest());
}

/** Names as members of the archive of a level. */
async function membersOf({ items }: StoredLevel): Promise<string> {
  const child = new Deno.Command("tar", { args: ["-tf", "-"], stdin: "piped", stdout: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(items[0]!.bytes).then(() => writer.close(), () => {});
  return new TextDecoder().decode((await child.output()).stdout);
}

const MOVES = [
  ["a directory gets the name of one that is gone", "mkdir a b; echo 1 >a/1; echo 2 >b/2", "rm -r b; mv a b"],
  ["two directories swap names", "mkdir a b; echo 1 >a/1; echo 2 >b/2", "mv a t; mv b a; mv t b"],
  ["a directory replaces a link to it", "mkdir a; echo 1 >a/1; ln -s a b", "rm b; mv a b"],
  ["directories move into each other", "mkdir -p a/b x; echo 1 >a/b/1; echo 2 >x/2", "mv a y; mv x y/b/z; mv y/b q"],
  ["a directory is made anew", "mkdir a; echo 1 >a/1; echo 2 >a/2", "rm -r a; mkdir a; echo 2 >a/2"],
  ["an old file moves", "mkdir a b; echo 1 >a/1; touch -d 1990-01-01 a/1", "mv a/1 b/1; mv b/1 b/2"],
  ["content changes, but not its time", "echo 1 >a; touch -d 1990-01-01 a", "echo 2 >a; touch -d 1990-01-01 a"],
] as const;

for (const [what, before, after] of MOVES) {
  tarTest(`a level 1 restores where ${what}`, async (fixture) => {
    await fixture.script(before);
    const zero = await level(fixture);
    await fixture.script(after);
    await assertRestores(fixture, [zero, await level(fixture, zero)]);
  });
}

tarTest("a level holds what changed, and nothing else", async (fixture) => {
  await fixture.change(0);
  const zero = await level(fixture);
  await fixture.script("echo more >>etc/changes");
  const files = (await membersOf(await level(fixture, zero))).split("\n").filter((name) => !name.endsWith("/"));
  assert.deepEqual(files, ["./etc/changes", ""]);
});

tarTest("a socket is left out, and is no problem", async (fixture) => {
  using _socket = Deno.listen({ transport: "unix", path: join(fixture.directory, "socket") });
  const zero = await level(fixture);
  assert.deepEqual(zero.problems, []);
  assert.equal(await membersOf(zero), "./\n");
});

tarTest("a hard link out of a renamed directory comes back as a file of its own, with its content", async (fixture) => {
  await fixture.script("mkdir a; echo 1 >a/1; ln a/1 linked");
  const zero = await level(fixture);
  await fixture.script("mv a b");
  const target = await fixture.target();
  await restore(fixture.registry.target(target).driver, [zero, await level(fixture, zero)]);
  const where = target.replace("tar:", "");
  assert.deepEqual(["linked", "b/1"].map((name) => Deno.readTextFileSync(join(where, name))), ["1\n", "1\n"]);
});

tarTest("extended attributes come back", async (fixture) => {
  await fixture.script("mkdir d; echo 1 >d/1; setfattr -n user.binary -v 0x00ff0a3d d/1; setfattr -n user.text -v x d");
  const zero = await level(fixture);
  await fixture.script("setfattr -n user.binary -v 0x01 d/1");
  await assertRestores(fixture, [zero, await level(fixture, zero)]);
}, ["setfattr"]);

tarTest(
  "what changes, shrinks or vanishes while it is read is a problem, and the next level has it",
  async (fixture) => {
    const cases = [
      ["echo more >>a; rm c", ["./a: file changed as we read it", "./c: File removed before we read it"]],
      ["truncate -s 10 a", ["./a: File shrank by N bytes; padding with zeros"]],
    ] as const;
    for (const [script, expected] of cases) {
      await fixture.script("head -c 3000000 /dev/zero >a; echo b >b; echo c >c");
      const registry = registryOf({ programs: ["tar"], temporaryDirectory: fixture.temporary });
      const { driver } = registry.source(fixture.source);
      const open = await driver.open(sourceRequest());
      const source = await begun(open);
      await source.read(new Uint8Array(4096));
      await fixture.script(script);
      assert.ok((await readAll(source)).length > 2_990_000, "what is lost is padded");
      await source.ended();
      const { metadata, problems } = await open.finish();
      assert.deepEqual(problems.map((problem) => problem.replace(/\d+ bytes/, "N bytes")), expected);
      const bytes = await readAll(metadata!);
      const parent = { level: 0, position: {}, options: driver.options };
      const next = await backUp(driver, { ...parent, readMetadata: (sink) => sink.write(bytes) });
      assert.deepEqual(next.problems, []);
      assert.match(await membersOf(next), /^\.\/a$/m);
    }
  },
);

tarTest(
  "a file that could not be read is a problem, and the first level that can read it has it",
  async (fixture, { setpriv }) => {
    await fixture.script("mkdir d e; echo secret >d/secret; echo other >d/other; echo in >e/in; chmod 000 d/secret e");
    const asOthers = await fixture.program(`exec ${boundByModes(setpriv).join(" ")} tar "$@"`);
    const zero = await backUp(asOthers.source(fixture.source).driver, null);
    assert.deepEqual(zero.problems, [
      "./e: Cannot open: Permission denied",
      "./d/secret: Cannot open: Permission denied",
    ]);
    const still = await backUp(asOthers.source(fixture.source).driver, parentOf(zero));
    assert.deepEqual(still.problems, zero.problems, "it is named every night");
    await fixture.script("chmod 644 d/secret; chmod 755 e; touch -d 2001-01-01 d/secret");
    const two = await level(fixture, still);
    assert.deepEqual(two.problems, []);
    await assertRestores(fixture, [zero, still, two]);
  },
  ["setpriv"],
);

tarTest("half an archive is refused by its guard", async (fixture) => {
  await fixture.change(0);
  const { items: [archive] } = await level(fixture);
  await assertWhole("tar", archive!.bytes);
  for (const share of [0, 0.3, 0.9]) {
    const half = archive!.bytes.subarray(0, Math.floor(archive!.bytes.length * share));
    await assert.rejects(assertWhole("tar", half), SourceError);
  }
});

tarTest("a tar that is killed makes the backup fail, with the signal in the message", async (fixture) => {
  await fixture.swell(8 * 2 ** 20);
  const open = await start(fixture);
  const source = await begun(open);
  await source.read(new Uint8Array(4096));
  for (const { pid } of fixture.processes()) Deno.kill(pid, "SIGKILL");
  await readAll(source);
  await assert.rejects(
    source.ended(),
    failure(SourceError, /^tar was ended by SIGKILL while it read ".*"; nothing was/),
  );
  await assert.rejects(open.finish(), SourceError);
  await open.cancel();
});

tarTest("what tar says last stands in the error", async (fixture) => {
  const broken = await fixture.program("echo 'tar: it broke' >&2; exit 2");
  const failed = backUp(broken.source(fixture.source).driver, null);
  await assert.rejects(
    failed,
    failure(SourceError, /tar exited with 2 while it read ".*": tar: it broke; nothing was/),
  );
});

tarTest("a parent that was read in another way, or left no snapshot file, is not continued", async (fixture) => {
  await fixture.change(0);
  const zero = await level(fixture);
  const others = ["?exclude=*.tmp", "?dereference=soft", "?one-file-system", "/etc"];
  for (const other of others) {
    const url = `${fixture.source}${other}`;
    await assert.rejects(level(fixture, zero, url), failure(UnfitParentError, /was read with another \w+$/), other);
  }
  const halves = [0, 10, zero.metadata!.length - 1].map((length) => zero.metadata!.subarray(0, length));
  for (const metadata of [...halves, new TextEncoder().encode("no snapshot file")]) {
    await assert.rejects(level(fixture, { ...zero, metadata }), IntegrityError);
  }
});

tarTest("excluded files are left out, and links are followed if asked for", async (fixture) => {
  await fixture.script(
    "mkdir -p a/cache; echo 1 >a/1.tmp; echo 2 >a/2; echo 3 >a/cache/3; ln -s 2 a/soft; ln a/2 a/hard",
  );
  const excluded = await level(fixture, undefined, `${fixture.source}?exclude=*.tmp&exclude=cache`);
  assert.equal(await membersOf(excluded), "./\n./a/\n./a/2\n./a/hard\n./a/soft\n");
  const types = async (how: string) => {
    const { items } = await level(fixture, undefined, `${fixture.source}?dereference=${how}`);
    const target = await fixture.target();
    const stored = { level: 0, metadata: null, position: {}, options: {}, problems: [], items };
    await restore(fixture.registry.target(target).driver, [stored]);
    const at = (name: string) => Deno.lstatSync(join(target.replace("tar:", ""), "a", name));
    return `${at("soft").isSymlink ? "link" : "file"} ${at("hard").nlink}`;
  };
  assert.equal(await types("none"), "link 2");
  assert.equal(await types("soft"), "file 3", "one more link to the file that it led to");
  assert.equal(await types("hard"), "link 1");
  assert.equal(await types("all"), "file 1");
});

tarTest(
  "a directory that is not there, or none, or closed, is refused before tar starts",
  async (fixture, { setpriv }) => {
    await fixture.script("echo 1 >file");
    const cases = [
      ["missing", /^Cannot read ".*missing": there is no such directory; nothing was committed$/],
      ["file", /it is not a directory; back up a file with agent put/],
    ] as const;
    for (const [name, message] of cases) {
      await assert.rejects(level(fixture, undefined, `${fixture.source}/${name}`), failure(SourceError, message));
    }
    if (Deno.uid() === 0) return; // Nothing is closed to root in the process of the test.
    await fixture.script("mkdir closed; chmod 000 closed");
    await assert.rejects(
      level(fixture, undefined, `${fixture.source}/closed`),
      failure(SourceError, /permission denied/),
    );
    assert.ok(setpriv);
  },
  ["setpriv"],
);

tarTest("another tar than GNU tar is named", async (fixture) => {
  const busybox = join(fixture.temporary, "../busybox");
  await Deno.writeTextFile(busybox, "#!/bin/sh\necho 'tar (busybox) 1.36.1'\n", { mode: 0o755 });
  const registry = registryOf({ programs: [busybox, "no-such-tar"], temporaryDirectory: fixture.temporary });
  const message =
    /needs GNU tar: ".*busybox" is tar \(busybox\) 1\.36\.1; .*"no-such-tar": there is no such program; install/;
  await assert.rejects(backUp(registry.source(fixture.source).driver, null), failure(SourceError, message));
  const target = registry.target(await fixture.target()).driver;
  await assert.rejects(restore(target, []), failure(Error, message));
});

tarTest("no room for the snapshot file is told, with what to do", async (fixture) => {
  const registry = registryOf({ programs: ["tar"], temporaryDirectory: join(fixture.temporary, "missing") });
  const failed = backUp(registry.source(fixture.source).driver, null);
  await assert.rejects(failed, failure(SourceError, /Cannot keep tar's snapshot file .*choose another with TMPDIR$/));
});

tarTest("unchanged files give the same bytes in every level 0", async (fixture) => {
  await fixture.change(0);
  await fixture.script("rm sparse"); // tar writes its process number there.
  const [one, two] = [await level(fixture), await level(fixture)];
  assert.deepEqual(one.items[0]!.bytes, two.items[0]!.bytes);
});

function failure(type: new (...args: never[]) => Error, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof type, String(error));
    assert.match(error.message, message);
    return true;
  };
}
