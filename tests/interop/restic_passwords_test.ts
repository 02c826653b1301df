/**
 * Passwords are bytes: what is in a file, comes from a command or stands in a variable opens the same repositories for
 * restic and for the agent, whatever encoding it has, and no others.
 */
import { deepEqual, equal, match } from "node:assert/strict";
import { mapConcurrently } from "../../src/base/concurrency.ts";
import { ExitCode } from "../../src/base/errors.ts";
import { runInProcess } from "../helpers/command_line.ts";
import { assertFails, emptySandbox, type Sandbox } from "../helpers/executable.ts";
import { Restic, resticTest } from "../helpers/restic.ts";
import { noise } from "../helpers/world.ts";

const AT_A_TIME = 2;

/** Bytes by their Latin-1 characters. */
const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const utf8 = (text: string) => new TextEncoder().encode(text);
/** UTF-16 by its units, which need not be whole characters. */
const utf16le = (units: string) =>
  new Uint8Array(Uint16Array.from(units.split(""), (unit) => unit.charCodeAt(0)).buffer);
const utf16be = (units: string) => utf16le(units).map((_, i, bytes) => bytes[i ^ 1]!);

/** Password files. No two of them hold the same password. */
const FILES: Readonly<Record<string, Uint8Array>> = {
  "latin1-a": latin1("p\xe4ss\n"),
  "latin1-u": latin1("p\xfcss\n"),
  "utf8-a": utf8("p\u00e4ss\n"),
  "utf8-a-decomposed": utf8("pa\u0308ss\n"),
  "replacement-character": utf8("p\ufffdss\n"),
  "raw-bytes": Uint8Array.fromHex("572fb1a3916e0fb8090492b6a4effed0fbe4d5e6b807b8504d33ea86a1efd009"),
  "utf8-mark": utf8("\ufeffmarked\r\n"),
  "two-utf8-marks": utf8("\ufeff\ufeffmarked\n"),
  "utf8-mark-behind-space": utf8(" \ufeffmarked within\n"),
  "utf16le": utf16le("\ufeffs\u00e9cret\r\n"),
  "utf16be": utf16be("\ufeffs\u00e9cret be\r\n"),
  "utf16-astral": utf16le("\ufeff\u{1f511} key\n"),
  "utf16-with-two-marks": utf16le("\ufeff\ufeffkey\n"),
  "utf16-without-mark": utf16le("key"),
  "nel-and-nbsp-around": utf8("\u0085\u00a0nel\u00a0\u0085"),
  "lone-nel-and-nbsp": latin1("\x85nel\xa0"),
  "wide-spaces-around": utf8("\u3000\u2028\u1680\u205fwide\u202f\u2009\u2029"),
  "no-spaces-around": utf8("\u200b\u180enone\u2060\ufeff"),
  "half-of-a-space": latin1("half\xe2\x80\n"),
  "spaces-behind-a-broken-byte": latin1("broken\xff\xe2\x80\x83 \t\n"),
  "controls-around": latin1("\x0b\x0c\x1ccontrols\x1c\x0b\x0c"),
  "spaces-within": utf8("  two \t words  \n"),
  "two-lines": utf8("one\r\ntwo\r\n"),
  "nul-within": latin1("a\0b\n"),
  "long": utf8("long ".repeat(2000)),
};

/** UTF-16 that is broken: restic takes it, so it opens what restic made, and is refused for what is new. */
const BROKEN_FILES: Readonly<Record<string, Uint8Array>> = {
  "utf16-high-surrogate": utf16le("\ufeffa\ud800b"),
  "utf16-low-surrogates": utf16le("\ufeffa\udc00\udc01bc"),
  "utf16-odd": new Uint8Array([...utf16be("\ufeffodd"), 0x64]),
  "raw-bytes-like-utf16": new Uint8Array([0xff, 0xfe, ...noise(33, "like UTF-16")]),
};

async function writeFiles(box: Sandbox): Promise<void> {
  for (const [name, bytes] of Object.entries({ ...FILES, ...BROKEN_FILES })) await box.file(name, bytes);
}

function agentWith(box: Sandbox, args: readonly string[], repository: string, file: string) {
  return runInProcess([...args, "-r", box.join(repository), "-p", box.join(file)]);
}

function resticWith(restic: Restic, args: readonly string[], repository: string, file: string) {
  return restic.attempt([...args, "-r", repository, "-p", file], { env: { RESTIC_PASSWORD_FILE: undefined } });
}

resticTest(
  "every password file opens for restic what the agent makes with it, and the other way round",
  async (program) => {
    await using box = await emptySandbox();
    const restic = await Restic.in(box, program);
    await writeFiles(box);
    const names = Object.keys(FILES);
    await mapConcurrently([...names.entries()], AT_A_TIME, async ([i, name]) => {
      const other = names[(i + 1) % names.length]!;
      const made = await agentWith(box, ["init"], `ours/${name}`, name);
      equal(made.exitCode, ExitCode.done, `${name}: ${made.stderr}`);
      const opened = await resticWith(restic, ["cat", "config"], `ours/${name}`, name);
      equal(opened.exitCode, 0, `${name}: restic does not open ours: ${opened.stderr}`);
      equal(
        (await agentWith(box, ["ls"], `ours/${name}`, other)).exitCode,
        ExitCode.wrongPassword,
        `${other} opens ${name}`,
      );
      equal((await resticWith(restic, ["cat", "config"], `ours/${name}`, other)).exitCode === 0, false);
    });
    // A file that opens ours for restic is the same password to both, so a few of the whole ones will do here.
    const theirs = [...names.filter((_, i) => i % 5 === 0), ...Object.keys(BROKEN_FILES)];
    await mapConcurrently(theirs, AT_A_TIME, async (name) => {
      equal((await resticWith(restic, ["init"], `theirs/${name}`, name)).exitCode, 0, name);
      const opened = await agentWith(box, ["ls"], `theirs/${name}`, name);
      equal(opened.exitCode, ExitCode.done, `${name}: the agent does not open theirs: ${opened.stderr}`);
    });
  },
);

Deno.test("no new password comes from broken UTF-16", async () => {
  await using box = await emptySandbox();
  await writeFiles(box);
  await agentWith(box, ["init"], "repo", "latin1-a");
  for (const name of Object.keys(BROKEN_FILES)) {
    const refused = await agentWith(box, ["init"], "new", name);
    assertFails(refused, ExitCode.usage, /has a byte order mark of UTF-16 and is not UTF-16/);
    const added = await agentWith(box, ["key", "add", "--new-password-file", box.join(name)], "repo", "latin1-a");
    assertFails(added, ExitCode.usage, /Refusing the new password in .*is not UTF-16/);
  }
});

resticTest("the output of a password command is the same password to both", async (program) => {
  await using box = await emptySandbox();
  const restic = await Restic.in(box, program);
  await writeFiles(box);
  const commands = [
    "printf 'p\\xe4ss'",
    `printf "p ss\\n"`,
    "/bin/echo '  quoted  words  '",
    `cat ${box.join("latin1-u")}`,
    `cat ${box.join("utf8-mark")}`,
    `cat ${box.join("utf16le")}`,
    `cat ${box.join("nel-and-nbsp-around")}`,
    `sh -c 'cat ${box.join("two-lines")}; echo more'`,
  ];
  await mapConcurrently([...commands.entries()], AT_A_TIME, async ([i, command]) => {
    const env = { RESTIC_REPOSITORY: box.join(`repo-${i}`), RESTIC_PASSWORD_COMMAND: command };
    const made = await runInProcess(["init"], { env });
    equal(made.exitCode, ExitCode.done, `${command}: ${made.stderr}`);
    const opened = await restic.attempt(["cat", "config"], { env: { ...env, RESTIC_PASSWORD_FILE: undefined } });
    equal(opened.exitCode, 0, `${command}: ${opened.stderr}`);
  });
});

resticTest("a variable is the password as it is, in whatever bytes", async (program) => {
  await using box = await emptySandbox();
  const script = `
    unset AGENT_PASSWORD_FILE AGENT_REPOSITORY
    export RESTIC_PASSWORD
    RESTIC_PASSWORD=$(printf "$2") && "$AGENT" -q init -r "$3" && "$1" --no-cache cat config -r "$3" >config &&
      { "$AGENT" ls -r "$3" || exit 2; } && RESTIC_PASSWORD=$(printf "$2x") && ! "$AGENT" ls -r "$3"`;
  const values = ["p\\344ss", "  spaced\\t", "\\357\\273\\277marked", "\\302\\205p\\357\\277\\275ss"];
  for (const [i, value] of values.entries()) {
    const { exitCode, stderr } = await box.shell(script, program, value, box.join(`repo-${i}`));
    equal(exitCode, 0, `${value}: ${stderr}`);
    match(stderr, /Wrong password/);
  }
});

resticTest("keys for passwords that are not UTF-8 go to and fro", async (program) => {
  await using box = await emptySandbox();
  const restic = await Restic.in(box, program);
  await writeFiles(box);
  const repo = box.join("repo");
  equal((await agentWith(box, ["init"], "repo", "latin1-a")).exitCode, ExitCode.done);
  const theirs = await resticWith(restic, ["key", "add", "--new-password-file", "raw-bytes"], repo, "latin1-a");
  equal(theirs.exitCode, 0, theirs.stderr);
  equal((await agentWith(box, ["ls"], "repo", "raw-bytes")).exitCode, ExitCode.done);
  const ours = await agentWith(box, ["key", "add", "--new-password-file", box.join("latin1-u")], "repo", "raw-bytes");
  equal(ours.exitCode, ExitCode.done, ours.stderr);
  equal((await resticWith(restic, ["cat", "config"], repo, "latin1-u")).exitCode, 0);
  const changed = await agentWith(
    box,
    ["key", "passwd", "--new-password-file", box.join("utf16le")],
    "repo",
    "latin1-a",
  );
  equal(changed.exitCode, ExitCode.done, changed.stderr);
  equal((await resticWith(restic, ["cat", "config"], repo, "utf16le")).exitCode, 0);
  equal((await agentWith(box, ["ls"], "repo", "latin1-a")).exitCode, ExitCode.wrongPassword);
});

Deno.test("where restic has several sources of a password set, the one that restic takes counts", async () => {
  await using box = await emptySandbox();
  await writeFiles(box);
  const repository = box.join("repo");
  equal((await agentWith(box, ["init"], "repo", "latin1-a")).exitCode, ExitCode.done);
  const env = { RESTIC_REPOSITORY: repository, RESTIC_PASSWORD: "wrong", RESTIC_PASSWORD_FILE: box.join("latin1-a") };
  equal((await runInProcess(["ls"], { env })).exitCode, ExitCode.done);
  const ours = {
    ...env,
    AGENT_PASSWORD: FILES["latin1-a"]!.subarray(0, -1),
    RESTIC_PASSWORD_FILE: box.join("latin1-u"),
  };
  equal((await runInProcess(["ls"], { env: ours })).exitCode, ExitCode.done);
  deepEqual((await runInProcess(["ls"], { env: { ...env, AGENT_PASSWORD: "" } })).exitCode, ExitCode.done);
});
