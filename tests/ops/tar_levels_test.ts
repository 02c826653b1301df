/** Levels of the engine tar in a repository: what they hold, what they cost, and that a replay gives the directory. */
import assert from "node:assert/strict";
import { put, type PutResult } from "../../src/ops/put.ts";
import type { EngineRegistry } from "../../src/engine/engine_urls.ts";
import type { RepositoryAccess } from "../../src/ops/access.ts";
import { restore, type StoredLevel } from "../conformance/engine_frame.ts";
import { TarFixture } from "../engine/tar/tar_fixture.ts";
import { bulkNoise } from "../helpers/executable.ts";
import { programTest } from "../helpers/programs.ts";
import { readFiles } from "../helpers/read_files.ts";
import { BytesSource, type FakeWorld, fakeWorld, memoryRepository, putRequest } from "../helpers/world.ts";

const NEEDS = ["tar", "rsync", "bash", "find"] as const;
const { signal } = new AbortController();

programTest({
  name: "a chain of tar in a repository replays, whatever was renamed and deleted",
  needs: NEEDS,
  async fn() {
    const { access, world, fixture } = await place();
    for (let night = 0; night < 4; night++) {
      await fixture.change(night);
      const assertSame = await fixture.keep();
      const result = await putDirectory(access, world, fixture.registry.source(fixture.source));
      assert.deepEqual(result.decision.warnings, []);
      assert.equal(result.backup.info!.level, night);
      const target = await fixture.target();
      assert.deepEqual(await restore(fixture.registry.target(target).driver, await levelsOf(access, world)), []);
      await assertSame(target);
    }
    assert.deepEqual(await fixture.leftovers(), []);
    await fixture.dispose();
  },
});

programTest({
  name: "another parameter is a level 0 with a warning, and what was left out is there",
  needs: NEEDS,
  async fn() {
    const { access, world, fixture } = await place();
    await fixture.change(0);
    await putDirectory(access, world, fixture.registry.source(`${fixture.source}?exclude=etc`));
    const assertSame = await fixture.keep();
    const second = await putDirectory(access, world, fixture.registry.source(fixture.source));
    assert.equal(second.backup.info!.level, 0);
    assert.deepEqual(second.decision.warnings, ["the parent was read with another exclude; this backup is a level 0"]);
    const target = await fixture.target();
    await restore(fixture.registry.target(target).driver, await levelsOf(access, world));
    await assertSame(target);
    await fixture.dispose();
  },
});

programTest({
  name: "one changed byte of a large file adds a few chunks, since tar stores the file again and chunks do not",
  needs: NEEDS,
  async fn() {
    const { access, world, fixture } = await place();
    await Deno.writeFile(`${fixture.directory}/large`, bulkNoise(64_000_000, "large"));
    await putDirectory(access, world, fixture.registry.source(fixture.source));
    await fixture.script("printf x | dd of=large bs=1 seek=32000000 conv=notrunc status=none");
    const { backup, manifest } = await putDirectory(access, world, fixture.registry.source(fixture.source));
    assert.equal(backup.info!.level, 1);
    assert.ok(manifest.stats.bytesRead > 64_000_000, "tar read all of it");
    const { bytesAdded, bytesStored } = manifest.stats;
    assert.ok(bytesAdded < 300_000, `${bytesAdded} bytes were added`);
    // The content list grows with the file: of 1 GB it may not be more than half a megabyte.
    assert.ok(bytesStored < bytesAdded + 64_000_000 / 1600, `${bytesStored} bytes were stored`);
    await fixture.dispose();
  },
});

async function place() {
  const world = fakeWorld();
  const { access } = await memoryRepository(world);
  return { access, world, fixture: await TarFixture.create() };
}

function putDirectory(
  access: RepositoryAccess,
  world: FakeWorld,
  driven: ReturnType<EngineRegistry["source"]>,
): Promise<PutResult> {
  const request = { ...putRequest(new BytesSource(new Uint8Array(0))), input: { driven } };
  return put(access, request, { world, signal });
}

/** The levels that the latest backup lists, read back and verified. */
async function levelsOf(access: RepositoryAccess, world: FakeWorld): Promise<StoredLevel[]> {
  const files = [...await readFiles(access, world, "prod/shop@latest")];
  const archives = files.filter(([path]) => path.endsWith("/data.tar"));
  assert.equal(files.length, 2 * archives.length, "each level has an archive and metadata");
  return archives.map(([, bytes], level) => {
    const item = { kind: "stream", path: "data.tar", size: bytes.length } as const;
    return { level, items: [{ item, bytes }], metadata: null, position: {}, options: {}, problems: [] };
  });
}
