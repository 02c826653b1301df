/** A tree that restic backed up, with every odd thing in it, comes back by agent as it was. */
import assert from "node:assert/strict";
import { type JsonRow, type Sandbox, sandbox } from "../helpers/executable.ts";
import { findProgram, programTest } from "../helpers/programs.ts";
import { Restic } from "../helpers/restic.ts";

const decoder = new TextDecoder();

/** Makes a tree with all that Linux keeps. Bash: Deno cannot make names that are not UTF-8. */
const ODD_TREE = String.raw`
set -e
mkdir -p "$1/a/b" "$1/c" && cd "$1"
printf hello > a/plain; : > a/empty; printf x > a/$'new\nline'; printf y > a/$'\xff\xfe bad'
printf z > "a/$(printf 'n%.0s' $(seq 255))"
head -c 5000 /dev/urandom > a/linked; ln a/linked c/other; ln a/linked a/b/third
ln -s plain a/sym; ln -s a folderlink
if [ "$2" = restic ]; then ln -s /nowhere a/dangling; else ln -s $'/nowhere/\xff' a/dangling; fi # Old ones lose bytes.
mkfifo c/fifo; printf '#!' > c/suid
# Numbers of 32 bits are too small for 4 GiB. Reading so much takes long, so it is done once.
if [ "$2" = restic ]; then truncate -s 40M c/sparse; else truncate -s 4G c/sparse; fi; printf end >> c/sparse
{ head -c 5000000 /dev/urandom; printf O; head -c 7000000 /dev/urandom; } > c/big
setfattr -n user.note -v binary a/plain; setfattr -n user.folder -v f a/b
# Access control lists, as the kernel keeps them: user 1000 may read and write.
list=01000600ffffffff02000600e803000004000400ffffffff10000600ffffffff20000400ffffffff
setfattr -n system.posix_acl_access -v 0x02000000$list a/plain
setfattr -n system.posix_acl_default -v 0x02000000$list c
if [ "$(id -u)" = 0 ]; then
  mknod c/null c 1 3; mknod c/disk b 7 99; chown 1000:1001 c/suid; chown -h 1234:1234 a/sym
  [ "$2" = restic ] || setfattr -h -n trusted.link -v l a/sym # Old ones lose attributes of links.
fi
chmod 6755 c/suid; chmod 1500 a/b
touch -h -d '1969-12-31T23:59:58.499999999Z' a/sym; touch -d '2009-02-13T23:31:30.123456789Z' a/plain
touch -d '1999-01-01T00:00:00.000000001Z' a/b; touch -d '2030-01-01T00:00:00.999999999Z' c a
`;

async function run(program: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args }).output();
  assert.ok(success, decoder.decode(stderr));
  return decoder.decode(stdout);
}

/** Fails unless two trees are the same in everything rsync compares, and to the nanosecond. */
async function assertSameTree(a: string, b: string): Promise<void> {
  assert.equal(await run("rsync", "-aHAXn", "--delete", "--itemize-changes", `${a}/`, `${b}/`), "");
  const list = (path: string) => run("bash", "-c", `cd "$0" && find . -printf '%p %T@ %m %U %G %y %s\\n' | sort`, path);
  assert.equal(await list(a), await list(b));
}

async function oddTree(box: Sandbox, restic: Restic): Promise<string> {
  await run("bash", "-c", ODD_TREE, "bash", box.join("odd"), newest);
  await restic.ok(["backup", box.join("odd")]);
  return box.join("odd");
}

const newest = findProgram("restic-newest") === undefined ? "restic" : "restic-newest";

programTest({
  name: "an odd tree of restic comes back to the nanosecond, and a second time nothing is written",
  needs: [newest, "rsync", "setfattr", "bash"],
  async fn(programs) {
    await using box = await sandbox();
    const odd = await oddTree(box, await Restic.in(box, programs[newest]!));
    const series = odd.slice(1);
    await box.ok(["get", series, "--target", "t"]);
    const restored = box.join("t") + odd;
    await assertSameTree(odd, restored);
    const [summary] = await box.json(["get", series, "--target", "t", "--overwrite"]);
    const { entries, bytesWritten, problems } = summary as { entries: Record<string, number> } & JsonRow;
    assert.deepEqual([bytesWritten, problems, entries["create"], entries["update"]], [0, 0, 0, 0]);
    await assertSameTree(odd, restored);

    const change = "printf X | dd of=c/big bs=1 seek=5000000 conv=notrunc status=none && rm a/plain";
    await run("bash", "-c", `cd "$0" && ${change}`, restored);
    const plan = await box.ok(["get", series, "--target", "t", "--overwrite", "--dry-run"]);
    assert.match(plan, /^create {2}.*\/a\/plain: is not there$/m);
    assert.match(plan, /^update {2}.*\/c\/big: differs in 1 of \d+ chunks$/m);
    await box.ok(["get", series, "--target", "t", "--if-exists", "if-changed"]);
    await assertSameTree(odd, restored);
    assert.equal(await box.ok(["get", series, "--file", `${odd}/a/plain`]), "hello");
    await run("chmod", "-R", "u+rwx", odd, restored); // So that an ordinary user can remove them.
  },
});
