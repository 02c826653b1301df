/** What the runtime's own calls cannot keep is refused by name, and chosen only where the C library cannot be used. */
import assert from "node:assert/strict";
import { LibcFileSystem } from "../../src/filesystem/libc/libc_file_system.ts";
import { PortableAccounts } from "../../src/filesystem/portable/portable_accounts.ts";
import { openFileSystem } from "../../src/filesystem/open_file_system.ts";
import { PortableFileSystem } from "../../src/filesystem/portable/portable_file_system.ts";
import { bytes, makeBench, refusedWith } from "../conformance/file_system_suite.ts";

Deno.test("a name or target that is not UTF-8 is refused, and never read as another one", () => {
  using bench = makeBench(() => new LibcFileSystem());
  using files = new PortableFileSystem();
  using folder = files.openRoot(bytes(bench.path));
  bench.folder.createFile(Uint8Array.of(0x61, 0xff), 0o600)[Symbol.dispose]();
  bench.folder.makeLink(bytes("link"), Uint8Array.of(0xff));
  const names = [...folder.list()].flat().map(({ name }) => name).filter((name) => name[0] === 0x61);
  assert.equal(names.length, 1);
  assert.throws(() => folder.status(names[0]!), refusedWith("EILSEQ"));
  assert.throws(() => folder.readLink(bytes("link")), refusedWith("EILSEQ"));
  bench.folder.createFile(bytes("\ufffd"), 0o600)[Symbol.dispose]();
  assert.equal(folder.status(bytes("\ufffd"))?.type, "file");
});

Deno.test("the runtime's calls stand in where the C library cannot be used, and say what is lacking", () => {
  const refuse = () => {
    throw new Error("no such library");
  };
  using files = openFileSystem({ libc: refuse, portable: () => new PortableFileSystem() });
  assert.ok(files instanceof PortableFileSystem);
  assert.ok(files.lacks.includes("extended attributes and access control lists"));
  using best = openFileSystem();
  assert.ok(best instanceof LibcFileSystem);
  assert.deepEqual(best.lacks, []);
});

Deno.test("accounts that are not there have no names, and those that cannot be read are an error", () => {
  using bench = makeBench(() => new LibcFileSystem());
  const [users, groups] = [`${bench.path}/passwd`, `${bench.path}/group`];
  const none = new PortableAccounts({ users, groups });
  assert.deepEqual([none.userName(0), none.groupId("root")], ["", null]);
  Deno.writeTextFileSync(users, "root:x:0:0::/root:/bin/sh\nodd:x:none::\n");
  const some = new PortableAccounts({ users, groups });
  assert.deepEqual([some.userName(0), some.userId("odd"), some.groupName(0)], ["root", null, ""]);
  Deno.mkdirSync(groups);
  assert.throws(() => new PortableAccounts({ users, groups }), refusedWith("EISDIR"));
});
