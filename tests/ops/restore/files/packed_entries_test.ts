/** Entries on the way to the thread that writes arrive as they were. */
import { deepEqual } from "node:assert/strict";
import fc from "fast-check";
import { formatNanoseconds } from "../../../../src/format/time.ts";
import { GoFileMode } from "../../../../src/format/tree/file_mode.ts";
import { makeNode, NODE_TYPES } from "../../../../src/format/tree/node.ts";
import { EntryPacker, unpackEntries } from "../../../../src/ops/restore/files/packed_entries.ts";

const UINT32 = { max: 0xffffffff };
/** From the year 0 to 9999. */
const times = fc.bigInt({ min: -62_167_219_200_000_000_000n, max: 253_402_300_799_999_999_999n });
const names = fc.constantFrom("", "root", "größe");

const nodes = fc.record({
  type: fc.constantFrom(...NODE_TYPES),
  permissions: fc.nat(0o777),
  special: fc.constantFrom(0, GoFileMode.setuid, GoFileMode.sticky),
  uid: fc.nat(UINT32),
  gid: fc.nat(UINT32),
  user: names,
  group: names,
  mtimeNs: times,
  atimeNs: fc.option(times),
  links: fc.nat(3),
  linkTarget: fc.constantFrom("", "to\udcff"),
  device: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  attributes: fc.array(fc.record({ name: fc.constant("user.x"), value: fc.uint8Array({ maxLength: 3 }) }), {
    maxLength: 1,
  }),
});

Deno.test("entries arrive as they were, all of them or those that are asked for", () => {
  fc.assert(
    fc.property(fc.array(nodes, { minLength: 1, maxLength: 100 }), fc.nat(1000), (given, firstNumber) => {
      const packer = new EntryPacker(firstNumber);
      const expected = given.map((one, i) => {
        const { type, permissions, special, mtimeNs, links, linkTarget, device, attributes, ...owner } = one;
        const atimeNs = one.atimeNs ?? mtimeNs;
        const [mtime, atime] = [formatNanoseconds(mtimeNs), formatNanoseconds(atimeNs)];
        const common = { type, ...owner, links, linkTarget, device };
        const node = makeNode({
          ...common,
          name: `n${i}`,
          mode: permissions | special,
          mtime,
          atime,
          inode: 7n,
          deviceId: 3n,
          extendedAttributes: attributes,
        });
        const entry = { number: firstNumber + i, path: `d/n${i}`, type, size: i * 2 ** 40, firstChunk: i, chunks: 1 };
        packer.add(node, entry, i % 2 === 0);
        const kept = special === GoFileMode.setuid ? 0o4000 : special === GoFileMode.sticky ? 0o1000 : 0;
        const mode = permissions | (type === "file" || type === "dir" ? kept : kept & 0o1000);
        const linkKey = type === "file" && links > 1 ? "3 7" : null;
        // A file without links counts as one with one name.
        const isRare = links > 1 || linkTarget !== "" || device !== 0n || attributes.length > 0;
        return {
          ...entry,
          ...common,
          links: isRare ? links : 1,
          mode,
          mtimeNs,
          atimeNs,
          linkKey,
          attributes,
          isParent: i % 2 === 0,
        };
      });
      const packed = structuredClone(packer.packed);
      const arrived = [...unpackEntries(packed, null)].map((entry) => entry);
      deepEqual(arrived, expected.map(({ atimeNs, ...rest }) => ({ ...rest, atimeNs })));
      const some = expected.filter((_, i) => i % 3 === 1);
      deepEqual([...unpackEntries(packed, some.map(({ number }) => number))], some);
    }),
    { seed: 20261129, numRuns: 200 },
  );
});
