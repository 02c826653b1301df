/** Looking into trees that restic backed up: what find, restic diff and restic find say of the same. */
import { deepEqual, equal, match } from "node:assert/strict";
import { sandbox } from "../helpers/executable.ts";
import { Restic, resticTest } from "../helpers/restic.ts";

/** Names and properties of every kind; the second argument is 1 if targets of links may be bytes. */
const MAKE_TREE = `
set -e
mkdir -p tree/empty tree/sticky tree/sub/deep; cd tree
echo hello >plain; touch -d @1234567890.123456789 plain; ln plain sub/linked
echo x >setuid; chmod 4755 setuid; echo x >setgid; chmod 2640 setgid; chmod 1777 sticky; chmod 1776 sub/deep
echo x >$'caf\\xe9'; echo x >'größe'; mkdir $'raw\\xff\\xfe'; echo in >$'raw\\xff\\xfe/in'
echo x >$'line\\nbreak'; echo x >$'tab\\t"quoted"\\\\'; echo x >a; mkdir a.b; echo x >a.b/c; echo x >a-b
ln -s plain link; ln -s nowhere dangling; mkfifo fifo
[ $(id -u) != 0 ] || { echo x >owned; chown 12345:54321 owned; }
touch -d @987654321.987654321 empty
`;

resticTest("files lists what find does, in restic's order and in long form", async (program) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  const made = await box.shell(MAKE_TREE);
  equal(made.exitCode, 0, made.stderr);
  await restic.ok(["backup", "--quiet", box.join("tree")]);
  const { id } = (await restic.snapshots())[0]!;
  const names = await box.shell(
    `set -e; "$AGENT" files @$1 "$PWD/tree" --recursive --null >ours
    find "$PWD/tree" -print0 >theirs; cmp <(sort -z ours) <(sort -z theirs)
    "$AGENT" files @$1 --null | tr '\\0' '\\n' | grep -c /tree/
    "$AGENT" files @$1 "$PWD/tree/sub" | wc -l; "$AGENT" files @$1 "$PWD/tree" -R | wc -l; find tree -print0 | tr -cd '\\0' | wc -c`,
    id,
  );
  equal(names.exitCode, 0, names.stderr + names.stdout);
  const [, sub, lines, entries] = names.stdout.trim().split("\n").map(Number);
  deepEqual([sub, lines], [3, entries], "a line for each entry, whatever its name");
  const long = await box.shell(
    `export TZ=UTC; "$AGENT" files @$1 "$PWD/tree" -Rl --null | tr -s ' ' | sort -z >ours
    find "$PWD/tree" \\( -type f -printf '%M %u %g %s ' -o -printf '%M %u %g 0 ' \\) \\
      -printf '%TY-%Tm-%Td %TT +00:00 %p' \\( -type l -printf ' -> %l\\0' -o -printf '\\0' \\) |
      sed -z 's/\\.[0-9]\\{10\\} +/ +/' | tr -s ' ' | sort -z >theirs
    diff <(tr '\\0' '\\n' <ours) <(tr '\\0' '\\n' <theirs)`,
    id,
  );
  equal(long.exitCode, 0, long.stderr + long.stdout);
  const missing = await box.agent(["files", `@${id}`, `${box.path}/tree/plian`]);
  equal(missing.exitCode, 2);
  match(missing.stderr, /did you mean ".*\/tree\/plain"\?/);
});

resticTest("diff says what restic diff says", async (program) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  equal((await box.shell(MAKE_TREE)).exitCode, 0);
  await restic.ok(["backup", "--quiet", box.join("tree")]);
  const changed = await box.shell(`set -e; cd tree; rm -r a.b; echo more >>a; chmod 700 setgid; touch 'größe'
    mkdir new; echo x >new/file; echo y >a.b; rm fifo; rm setuid; mkdir setuid`);
  equal(changed.exitCode, 0, changed.stderr);
  await restic.ok(["backup", "--quiet", box.join("tree")]);
  const [a, b] = (await restic.snapshots()).map(({ id }) => id);
  const theirs = (await restic.ok(["diff", "--metadata", a!, b!])).split("\n")
    .flatMap((line) => /^([-+TMU?]+) +(\/.*?)\/?$/.exec(line)?.slice(1, 3).join(" ") ?? [])
    .map((line) => line.replace("TU", "T"));
  const ours = (await box.json(["diff", "--metadata", `@${a}`, `@${b}`]))
    .filter(({ message_type }) => message_type === "change")
    // restic does not list what was below a directory that is a file now.
    .filter(({ path }) => !String(path).endsWith("/a.b/c"))
    .map(({ modifier, path }) => `${modifier} ${path}`);
  const unlessMetadata = (lines: string[]) => lines.filter((line) => !line.startsWith("U ")).sort();
  deepEqual(unlessMetadata(ours), unlessMetadata(theirs));
  const metadata = ours.filter((line) => line.startsWith("U "));
  // restic also lists directories below which something changed, for their trees.
  deepEqual(metadata.filter((line) => !theirs.includes(line)), []);
  // The folder of all sandboxes changes as others come and go.
  const below = metadata.filter((line) => line.startsWith(`U ${box.path}/tree`));
  deepEqual(below.sort(), ["", "/größe", "/setgid"].map((name) => `U ${box.path}/tree${name}`));
});

function nameExpression(glob: string): RegExp {
  return new RegExp(`^${glob.replaceAll("*", ".*")}$`, "s");
}

resticTest("find finds what restic find finds, by names, paths and ids", async (program) => {
  await using box = await sandbox();
  const restic = await Restic.in(box, program);
  equal((await box.shell(MAKE_TREE)).exitCode, 0);
  await restic.ok(["backup", "--quiet", box.join("tree")]);
  await restic.ok(["backup", "--quiet", box.join("tree")]);
  for (const pattern of ["plain", "s*", "*[bc]", `${box.path}/tree/sub/*`]) {
    const last = nameExpression(pattern.slice(pattern.lastIndexOf("/") + 1));
    const theirs = (JSON.parse(await restic.ok(["find", "--json", pattern])) as { matches: { path: string }[] }[])
      .flatMap(({ matches }) => matches.map(({ path }) => path))
      // restic also lists what lies below an entry that fits.
      .filter((path) => last.test(path.slice(path.lastIndexOf("/") + 1)));
    const ours = await box.json(["find", pattern]);
    deepEqual(ours.map(({ path }) => path).sort(), [...new Set(theirs)].sort(), pattern);
    deepEqual(new Set(ours.map(({ backups }) => backups)), new Set([2]));
  }
  const [plain] = await box.json(["find", "plain"]);
  equal(plain!.size, 6);
  const [empty] = await box.json(["files", "@" + (await restic.snapshots())[0]!.id, `${box.path}/tree/empty`]);
  const byTree = await box.json(["find", "--tree", String(empty!.tree)]);
  deepEqual(byTree.map(({ path }) => path), ["empty", "sticky", "sub/deep"].map((name) => `${box.path}/tree/${name}`));
});
