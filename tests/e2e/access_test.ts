/** Repositories, passwords, keys and locks: how they are made, and what is said where they do not fit. */
import assert from "node:assert/strict";
import { hostname } from "node:os";
import { mapConcurrently } from "../../src/base/concurrency.ts";
import { ExitCode } from "../../src/base/errors.ts";
import { ownProcessMark } from "../../src/library/machine/process_table.ts";
import { assertFails, emptySandbox, sandbox } from "../helpers/executable.ts";
import { boundByModes } from "../helpers/bound_by_modes.ts";
import { programTest } from "../helpers/programs.ts";
import { PASSWORD } from "../helpers/world.ts";
import { writeLock } from "./foreign_lock.ts";

const AT_A_TIME = 3;

Deno.test("init writes a strong password into a private file and makes a repository that it opens", async () => {
  await using box = await emptySandbox();
  const [row] = await box.json(["init", "--new-password-file", "password"]);
  assert.equal(row!["repository"], box.repo);
  assert.match(String(row!["id"]), /^[0-9a-f]{64}$/);
  assert.equal(row!["passwordFile"], "password");
  assert.equal((await Deno.stat(box.join("password"))).mode! & 0o777, 0o600);
  assert.match(await Deno.readTextFile(box.join("password")), /^[\w-]{43}\n$/);
  await box.put("s", "x");
});

Deno.test("init overwrites neither a password nor a repository", async () => {
  await using box = await emptySandbox();
  await box.ok(["init", "--new-password-file", "password", "-q"]);
  const password = await Deno.readTextFile(box.join("password"));
  const taken = await box.agent(["init", "-r", "other", "--new-password-file", "password"]);
  assertFails(taken, ExitCode.usage, /Refusing to overwrite "password"/);
  const again = await box.agent(["init", "--new-password-file", "second"]);
  assertFails(again, ExitCode.failed, /There is a repository in .* already/);
  assertFails(await box.agent(["init"]), ExitCode.failed, /There is a repository in .* already/);
  assert.equal(await Deno.readTextFile(box.join("password")), password);
  const names = (await Array.fromAsync(Deno.readDir(box.path))).map(({ name }) => name).sort();
  assert.deepEqual(names, ["password", "repo"], "nothing is left of what failed");
});

Deno.test("init refuses an empty password and a place that is none", async () => {
  await using box = await emptySandbox();
  await box.file("empty", "\n");
  assertFails(await box.agent(["init", "-p", "empty"]), ExitCode.usage, /empty password/);
  await box.file("file", "content");
  assertFails(
    await box.agent(["init", "-r", "file/repo", "--new-password-file", "new"]),
    ExitCode.failed,
    /not a folder/,
  );
  const unwritable = await box.agent(["init", "--new-password-file", "no/folder"]);
  assertFails(unwritable, ExitCode.failed, /Cannot write the password file "no\/folder": No such file/);
});

Deno.test("a wrong password is told from a missing repository, with exit codes of their own", async () => {
  await using box = await sandbox();
  await box.file("wrong", "guess\n");
  await box.file("foreign/file", "content");
  const cases: readonly (readonly [args: readonly string[], exitCode: ExitCode, message: RegExp])[] = [
    [["ls", "-p", "wrong"], ExitCode.wrongPassword, /Wrong password for .*repo/],
    [["get", "s", "-p", "wrong"], ExitCode.wrongPassword, /Wrong password for .*repo/],
    [["ls", "-r", "nowhere"], ExitCode.noRepository, /no repository in nowhere.*agent init/],
    [["ls", "-r", "foreign"], ExitCode.noRepository, /no repository in foreign/],
    [["ls", "-r", "password"], ExitCode.failed, /"password\/config".*not a folder/],
    [["ls", "-r", ""], ExitCode.usage, /No repository given/],
    [["ls", "-r", "ftp:host"], ExitCode.usage, /Unknown kind of repository "ftp"/],
    [["ls", "-p", "absent"], ExitCode.failed, /There is no password file "absent"/],
    [["ls", "-p", "repo"], ExitCode.failed, /Cannot read the password file "repo": Is a directory/],
    [["ls", "--repository-file", "absent"], ExitCode.failed, /There is no repository file "absent"/],
    [["ls", "--password-command", "exit 3"], ExitCode.usage, /password command exited with 3/],
  ];
  await mapConcurrently(cases, AT_A_TIME, async ([args, exitCode, message]) => {
    assertFails(await box.agent(args), exitCode, message);
  });
});

Deno.test("repository and password come from options, from AGENT_ variables, or from those of restic", async () => {
  await using box = await sandbox();
  await box.file("place", `${box.repo}\n`);
  const none = { AGENT_REPOSITORY: undefined, AGENT_PASSWORD_FILE: undefined };
  const environments: readonly Record<string, string | undefined>[] = [
    { ...none, RESTIC_REPOSITORY: box.repo, RESTIC_PASSWORD: PASSWORD },
    { ...none, RESTIC_REPOSITORY_FILE: "place", RESTIC_PASSWORD_FILE: "password" },
    { ...none, RESTIC_REPOSITORY: box.repo, RESTIC_PASSWORD_COMMAND: "cat password" },
    {
      ...none,
      RESTIC_REPOSITORY: "nowhere",
      AGENT_REPOSITORY: box.repo,
      AGENT_PASSWORD: PASSWORD,
      RESTIC_PASSWORD: "x",
    },
    {
      ...none,
      RESTIC_REPOSITORY: "nowhere",
      AGENT_REPOSITORY_FILE: "place",
      AGENT_PASSWORD_FILE: "password",
      RESTIC_PASSWORD: "x",
    },
  ];
  await mapConcurrently(environments, AT_A_TIME, (env) => box.ok(["ls"], { env }));
  await box.ok(["ls", "--repository-file", "place", "--password-command", "cat password"], { env: none });
  await box.ok(["-r", box.repo, "-p", "password", "ls"], { env: none });
  assertFails(
    await box.agent(["ls"], { env: none }),
    ExitCode.usage,
    /No repository given: use -r or set AGENT_REPOSITORY/,
  );
});

Deno.test("a password command does not read the stream that is backed up", async () => {
  await using box = await sandbox();
  await box.put("prod/shop", "a stream\n", "--guard", "none", "--password-command", "cat >eaten; cat password");
  assert.equal(await box.ok(["get", "prod/shop"]), "a stream\n");
});

Deno.test("keys: one more password opens the repository, until it is removed", async () => {
  await using box = await sandbox();
  await box.file("second", "another\n");
  const [added] = await box.json(["key", "add", "--new-password-file", "second"]);
  const keys = await box.json(["key", "list", "-p", "second"]);
  assert.equal(keys.length, 2);
  assert.equal(keys.find(({ current }) => current)!["id"], added!["added"]);
  assert.match(await box.ok(["key", "list"]), /^ +ID +USER +HOST +CREATED\n/);
  assertFails(await box.agent(["key", "remove", "ffff"]), ExitCode.usage, /no key named "ffff"/);
  const own = await box.agent(["key", "remove", String(added!["added"]), "-p", "second"]);
  assertFails(own, ExitCode.usage, /./);
  await box.ok(["key", "remove", String(added!["added"]).slice(0, 10)]);
  assertFails(await box.agent(["ls", "-p", "second"]), ExitCode.wrongPassword, /Wrong password/);
  await box.ok(["ls"]);
});

Deno.test("key passwd puts a new password in the place of the old one", async () => {
  await using box = await sandbox();
  await box.file("next", "another\n");
  await box.ok(["key", "passwd", "--new-password-file", "next"]);
  assertFails(await box.agent(["ls"]), ExitCode.wrongPassword, /Wrong password/);
  assert.equal((await box.json(["key", "list", "-p", "next"])).length, 1);
});

Deno.test("a lock of somebody else: exit code 11 names host, process and age, and what to do", async () => {
  await using box = await sandbox();
  await writeLock(box, { host: "far-away", pid: 4711, ageMs: 90_000 });
  const locked = await box.agent(["put", "s"], { stdin: "x" });
  assertFails(
    locked,
    ExitCode.locked,
    /locked exclusively by process 4711 of .* on far-away.*[1-3] min( \d+ s)? ago; wait for it, as with --retry-lock 10m/,
  );
  assertFails(await box.agent(["check"]), ExitCode.locked, /far-away/);
  await box.ok(["check", "--no-lock"]);
  await box.ok(["ls"]);
  const waited = await box.agent(["--retry-lock", "1s", "put", "s"], { stdin: "x" });
  assertFails(waited, ExitCode.locked, /far-away/);
});

programTest({
  name: "a repository that cannot be written to is read with --no-lock, and who does without is told so",
  needs: ["setpriv"],
  async fn({ setpriv }) {
    await using box = await sandbox();
    await box.put("s", "x");
    const [program, ...args] = boundByModes(setpriv);
    const run = async (command: string) =>
      await box.shell(`chmod -R a-w repo; ${[program, ...args].join(" ")} "$AGENT" ${command}`);
    for (const command of ["get s", "verify s", "check"]) {
      const refused = await run(command);
      assertFails(refused, ExitCode.failed, /; to read a store that takes no lock, use --no-lock\n$/);
      assert.equal((await run(`${command} --no-lock -q`)).exitCode, ExitCode.done, command);
    }
    for (const command of ["ls", "show s", "chain s", "status"]) {
      assert.equal((await run(command)).exitCode, 0, command);
    }
    await box.shell("chmod -R u+w repo");
  },
});

Deno.test("unlock removes stale locks, and with --remove-all every lock", async () => {
  await using box = await sandbox();
  await writeLock(box, { host: "far-away", pid: 4711, ageMs: 1000 });
  await writeLock(box, { host: "gone", pid: 4712, ageMs: 3_600_000 });
  const [removed, ...others] = await box.json(["unlock"]);
  assert.equal(others.length, 0);
  assert.deepEqual([removed!["hostname"], removed!["pid"]], ["gone", 4712]);
  assert.equal(
    (await box.agent(["unlock"])).stderr,
    "No stale locks to remove; --remove-all removes those of processes at work, too\n",
  );
  const { stderr } = await box.agent(["unlock", "--remove-all"]);
  assert.match(stderr, /^Removed the exclusive lock of process 4711 on far-away, [0-9a-f]{8}\n$/);
  await box.put("s", "x");
});

Deno.test("a lock that a dead process of this host left does not stop anybody", async () => {
  await using box = await sandbox();
  const dead = new Deno.Command("true").spawn();
  await dead.status;
  await writeLock(box, { host: hostname(), pid: dead.pid, ageMs: 1000, process: ownProcessMark() });
  await box.put("s", "x");
  assert.deepEqual(await box.names("locks"), []);
});

programTest({
  name: "what may not be read or written says so in one line",
  needs: ["setpriv"],
  async fn({ setpriv }) {
    await using box = await sandbox();
    await box.put("s", "x");
    const run = (command: string) => box.shell(`exec "$@" "$AGENT" ${command}`, ...boundByModes(setpriv));
    const bySealing = async (path: string, command: string, message: RegExp) => {
      const { mode } = await Deno.stat(box.join(path));
      await Deno.chmod(box.join(path), 0);
      const outcome = await run(command);
      await Deno.chmod(box.join(path), mode! & 0o7777);
      assertFails(outcome, ExitCode.failed, message);
    };
    await bySealing("repo", "ls", /Cannot read ".*config": permission denied; check owner and mode/);
    await bySealing("repo/config", "ls", /Cannot read ".*config": permission denied/);
    await bySealing("password", "ls", /Cannot read the password file ".*password": Permission denied/);
    await bySealing("repo/locks", "put s -- echo x", /locks.*: permission denied/);
    await bySealing("repo/data", "put s -- echo y", /data.*: permission denied/);
    await bySealing("repo/snapshots", "ls", /snapshots.*: permission denied/);
    await box.ok(["check"]);
  },
});
