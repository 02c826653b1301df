/** A file of more than a terabyte, of which a tree is made as restic makes it: both read it. */
import { equal, match } from "node:assert/strict";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import { encodeTree } from "../../src/format/tree/tree.ts";
import { makeNode } from "../../src/format/tree/node.ts";
import { loadSnapshots } from "../../src/repository/snapshots.ts";
import { withStore } from "../../src/repository/repository.ts";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import { encodeHex } from "../../src/base/hex.ts";
import { type BlobId, ID_BYTES } from "../../src/base/id.ts";
import { runAgentHere } from "../helpers/agent_here.ts";
import { sandbox } from "../helpers/executable.ts";
import { Restic, resticTest } from "../helpers/restic.ts";
import { saveSnapshot } from "../helpers/snapshots.ts";
import { write } from "../ops/check_forging.ts";
import { fakeWorld, noise } from "../helpers/world.ts";

runAgentHere();

const MIB = 2 ** 20;
/** 77 MiB of text, more than a data blob may have. */
const CHUNKS = 1_200_000;
const SIZE = CHUNKS * MIB;

resticTest("a tree of a file of 1.2 terabytes is read by restic and by agent", async (program) => {
  await using box = await sandbox();
  await box.put("shop", noise(1000, "shop"));
  const store = openLocalStore(box.repo, { random: systemRandomBytes });
  const repository = withStore(await box.open(), store);
  const checked = { store, repository, world: { ...fakeWorld(), randomBytes: systemRandomBytes } };
  const ids: Uint8Array[] = [];
  for (const fill of [1, 2, 3]) {
    ids.push(await write(checked, (writer) => writer.addPlaintext("data", new Uint8Array(MIB).fill(fill))));
  }
  const content = new Uint8Array(CHUNKS * ID_BYTES);
  for (let i = 0; i < CHUNKS; i++) content.set(ids[(i * i) % ids.length]!, i * ID_BYTES);
  const node = makeNode({ name: "disk.img", type: "file", mode: 0o600, size: SIZE, content });
  const tree = await write(checked, (writer) => writer.addPlaintext("tree", encodeTree([node])));
  const { snapshot } = (await loadSnapshots(repository.files)).snapshots[0]!;
  const foreign = { ...snapshot, agent: null, paths: ["/disk.img"], tree: encodeHex(tree) as BlobId };
  const id = await saveSnapshot(repository.files, foreign);

  const restic = await Restic.in(box, program);
  await restic.ok(["check"]);
  match(await restic.ok(["ls", "-l", id]), new RegExp(`${SIZE} .* /disk\\.img`));
  equal((await box.agent(["check"])).exitCode, 0);
  match(await box.ok(["files", `@${id.slice(0, 8)}`, "-l"]), new RegExp(`${SIZE} .* /disk\\.img`));
});
