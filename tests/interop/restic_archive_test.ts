/** Archives of trees that restic backed up: GNU tar makes the same tree of them, with all metadata. */
import { equal, match, ok } from "node:assert/strict";
import { tarEnd, tarHeader, tarPadding } from "../../src/format/archive/tar_header.ts";
import { formatNanoseconds } from "../../src/format/time.ts";
import { makeNode } from "../../src/format/tree/node.ts";
import { runAgentHere } from "../helpers/agent_here.ts";
import { type Sandbox, sandbox } from "../helpers/executable.ts";
import { programTest } from "../helpers/programs.ts";
import { Restic, resticTest } from "../helpers/restic.ts";
import { concat } from "../helpers/world.ts";

runAgentHere();

/** The first version that keeps link targets which are not UTF-8. */
const KEEPS_RAW_TARGETS = 16;

/** Everything that a directory may hold; what only root may make is made by root. */
const MAKE_TREE = `
set -e
mkdir -p tree/empty tree/sticky tree/sub/deep; cd tree
echo hello >plain; touch -d @1234567890.123456789 plain
echo old >old; touch -d @-1.5 old
head -c 3000000 /dev/urandom >big; : >nothing
head -c 512 /dev/zero >block; head -c 2097152 /dev/zero >batch
ln big big-again; ln big sub/deep/big-too
echo x >setuid; chmod 4755 setuid; echo x >setgid; chmod 2750 setgid; chmod 1777 sticky
echo x >$'caf\\xe9'; echo x >'größe'; mkdir $'raw\\xff\\xfe'; echo in >$'raw\\xff\\xfe/in'
echo x >$'line\\nbreak'; echo x >$'tab\\t"quoted"\\\\'; echo x >' '; echo x >'%41=b'
name=$(printf 'd%.0s' {1..60}); deep=$name/$name/$name/$name/$name; mkdir -p $deep
echo x >$deep/$(printf 'f%.0s' {1..250}); echo x >$(printf 'n%.0s' {1..100}); echo x >$(printf 'n%.0s' {1..101})
ln -s plain link; ln -s $(printf 't%.0s' {1..300}) far; ln -s nowhere dangling
[ "$1" = 0 ] || ln -s $'\\xff' raw-target
mkfifo fifo
if [ $(id -u) = 0 ]; then
  mknod null c 1 3 && mknod disk b 259 70000 || true
  echo x >owned; chown 12345:54321 owned; echo x >far-owned; chown 3000000:2147483648 far-owned
fi
touch -d @987654321.987654321 empty
`;

/** A canonical archive of a tree by GNU tar: equal trees, with all that tar knows of them, have equal ones. */
const CANONICAL = `tar --create --format=pax --sort=name --xattrs --xattrs-include='*' --numeric-owner \
  --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime`;

/** A file with attributes, which no usual program can set; on a filesystem without attributes it has none. */
async function addAttributes(box: Sandbox): Promise<void> {
  const extendedAttributes = [
    { name: "user.bytes", value: Uint8Array.from({ length: 256 }, (_, i) => i) },
    { name: "user.a=b%c", value: new Uint8Array([10]) },
    { name: "user.empty", value: null },
  ];
  const mtime = formatNanoseconds(1_700_000_000_000_000_001n);
  const node = makeNode({ name: "attributes", type: "file", mode: 0o600, mtime, size: 1, extendedAttributes });
  const member = { path: "tree/attributes", node, linkTo: null };
  const archive = concat([tarHeader(member), new Uint8Array(1), tarPadding(1)]);
  await box.file("attributes.tar", concat([archive, tarEnd(archive.length)]));
  const { exitCode } = await box.shell("tar --extract --xattrs --xattrs-include='*' --file=attributes.tar");
  equal(exitCode, 0);
}

resticTest("a tree that restic backed up comes out of a tar archive as it was", async (program) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  const made = await box.shell(MAKE_TREE, restic.minor >= KEEPS_RAW_TARGETS ? "1" : "0");
  equal(made.exitCode, 0, made.stderr);
  await addAttributes(box);
  await restic.ok(["backup", "--quiet", box.join("tree")]);
  const { id } = (await restic.snapshots())[0]!;

  const archived = await box.shell(
    `"$AGENT" get @${id} -q --archive tar -o one.tar && "$AGENT" get @${id} -q --archive tar |
    cmp - one.tar`,
  );
  equal(archived.exitCode, 0, archived.stderr + archived.stdout);
  const compared = await box.shell(`set -e; mkdir out
    tar --extract --preserve-permissions --numeric-owner --xattrs --xattrs-include='*' --file=one.tar --directory=out
    ${CANONICAL} tree >original
    (cd out/${box.path.slice(1)} && ${CANONICAL} tree) >copy
    cmp original copy
    tar --compare --numeric-owner --file=one.tar --directory=/`);
  equal(compared.exitCode, 0, compared.stderr + compared.stdout);
  const links = await box.shell(`tar --list --verbose --file=one.tar | grep -c ' link to '`);
  equal(links.stdout, "2\n");

  // restic dump fails at the attribute with an equals sign in its name; it gives whole seconds, and no devices.
  await restic.ok(["backup", "--quiet", "--exclude", "attributes", box.join("tree")]);
  const dump = ["--no-cache", "-r", box.repo, "--password-file", box.join("password"), "dump", "latest", "/"];
  const besides = await box.shell(
    `set -e; describe() {
      (cd "$1"; find . \\( -type f -o -type l \\) -not -name attributes -printf '%P %y %m %s %l\\0' | sort -z | tr '\\0' '\\n'
      find . -type f -not -name attributes -print0 | sort -z | xargs -0 md5sum)
    }
    mkdir theirs; "$@" | tar --extract --preserve-permissions --numeric-owner --directory=theirs
    describe out/${box.path.slice(1)} >1; describe theirs/${box.path.slice(1)} >2; diff 1 2`,
    program,
    ...dump,
  );
  equal(besides.exitCode, 0, `what restic dump gives: ${besides.stderr}${besides.stdout}`);
});

programTest({
  name: "unzip makes the files, directories and links of a tree that restic backed up",
  needs: ["restic", "unzip"],
  async fn({ restic: program }) {
    await using box = await sandbox();
    const restic = await Restic.in(box, program);
    equal((await box.shell(MAKE_TREE, "0")).exitCode, 0);
    await restic.ok(["backup", "--quiet", box.join("tree")]);
    const { id } = (await restic.snapshots())[0]!;
    const { exitCode, stderr } = await box.agent(["get", `@${id}`, "--archive", "zip", "-o", box.join("one.zip")]);
    equal(exitCode, 6, stderr);
    match(stderr, /warning: Left out: ".*\/tree\/fifo" is a named pipe, which zip cannot hold\n/);
    match(stderr, /\/tree\/caf\\xe9" has a name that is not UTF-8, which zip cannot hold\n/);
    match(stderr, /agent: The archive is whole but for \d entries that zip cannot hold, named above\n$/);
    // unzip leaves control characters out of names unless it is told not to.
    const compared = await box.shell(`set -e; export LC_ALL=C.UTF-8; unzip -tq one.zip; unzip -^ -q -K one.zip -d out
      describe() {
        (cd "$1"; find . -not -path './raw*' -not -name 'caf*' -not -name old ! -type b ! -type c ! -type p \\
          \\( -type l -printf '%P %l\\0' -o -type d -printf '%P %y %m\\0' -o -printf '%P %y %m %s %Ts\\0' \\) |
          sort -z | tr '\\0' '\\n'
        find . -type f -not -path './raw*' -not -name 'caf*' -print0 | sort -z | xargs -0 md5sum)
      }
      describe tree >1; describe out/${box.path.slice(1)}/tree >2; diff 1 2`);
    equal(compared.exitCode, 0, compared.stderr + compared.stdout);
    ok(compared.stdout.includes("No errors detected"));
  },
});
