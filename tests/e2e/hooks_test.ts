/** Hooks of a configuration file around real commands: what they get, what they stop, and that none stays behind. */
import assert from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { assertFailsAfterOutput, eventually, type Sandbox, sandbox } from "../helpers/executable.ts";
import { withHttpServer } from "../helpers/http_server.ts";
import { TrustedDirectory, trustedTest } from "../helpers/trusted_directory.ts";

/** A sandbox with a configuration file, and the variables that name it. */
interface Scene extends Disposable {
  readonly box: Sandbox;
  readonly env: Readonly<Record<string, string>>;
}

/** Registers a test with a sandbox whose hooks it sets. */
function hooksTest(name: string, work: (scene: Scene, hooks: (toml: string) => void) => Promise<void>): void {
  trustedTest(name, async () => {
    using folder = new TrustedDirectory();
    await using box = await sandbox();
    const scene = { box, env: { AGENT_CONFIG: folder.at("agent.toml") }, [Symbol.dispose]() {} };
    await work(scene, (toml) => void folder.write("agent.toml", toml));
  });
}

/** The JSON objects that hooks noted, a line each. */
async function noted(box: Sandbox): Promise<Record<string, unknown>[]> {
  const text = await Deno.readTextFile(box.join("noted")).catch(() => "");
  return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

const EVENTS = ["Backup", "Restore", "Delete", "DeleteOlderThan", "RotateBackups"]
  .flatMap((action) => [`before${action}`, `on${action}`]);

hooksTest("hooks hear of all that commands do to backups, with the session that --json tells", async (scene, hooks) => {
  const { box, env } = scene;
  hooks(`[[hooks]]\nevent = ${JSON.stringify([...EVENTS, "onError"])}\ncommand = "cat >>noted"\n`);
  const [put] = await box.json(["put", "prod/shop", "--guard", "none"], { env, stdin: "one" });
  await box.ok(["rotate", "prod/shop", "-q", "--dry-run"], { env });
  assert.equal(await box.ok(["get", "prod/shop", "-q"], { env }), "one");
  await box.ok(["rotate", "prod/shop", "-q"], { env });
  await box.ok(["forget", "--older-than", "1Y", "prod/shop", "-q"], { env });
  await box.ok(["rm", "prod/shop@latest", "--allow-last", "-q"], { env });
  assertFailsAfterOutput(
    await box.agent(["get", "prod/shop"], { env }),
    ExitCode.usage,
    /no backup in this repository yet/,
  );
  const events = await noted(box);
  assert.deepEqual(events.map(({ event }) => event), [
    ...["beforeBackup", "onBackup", "beforeRestore", "onRestore", "beforeRotateBackups", "onRotateBackups"],
    ...["beforeDeleteOlderThan", "onDeleteOlderThan", "beforeDelete", "onDelete", "onError"],
  ]);
  const backup = events[1]!.result as Record<string, unknown>;
  assert.equal(backup.id, put!.id);
  assert.equal(events[1]!.session, put!.session);
  assert.deepEqual(events[5]!.result, []);
  assert.equal((events[9]!.result as Record<string, unknown>).id, put!.id);
  assert.deepEqual(events[10]!.error, { code: 2, kind: "usage", message: (events[10]!.error as Error).message });
});

hooksTest("a hook before a backup that fails prevents it; one after it changes nothing", async (scene, hooks) => {
  const { box, env } = scene;
  hooks(`[[hooks]]\nname = "the guard"\nevent = "beforeBackup"\ncommand = "echo not at night; exit 3"\n`);
  const refused = await box.agent(["put", "prod/shop", "--guard", "none"], { env, stdin: "one" });
  assert.equal(refused.exitCode, ExitCode.failed);
  assert.equal(
    refused.stderr,
    "the guard: not at night\n" +
      'agent: The hook "the guard" refused (beforeBackup): its command exited with 3: not at night\n',
  );
  assert.equal(await box.ok(["ls", "--json"]), "");
  hooks(`[[hooks]]\nname = "mail"\nevent = "onBackup"\ncommand = "exit 3"\n`);
  const { exitCode, stderr } = await box.agent(["put", "prod/shop", "--guard", "none"], { env, stdin: "one" });
  assert.equal(exitCode, ExitCode.done);
  assert.match(stderr, /agent: warning: the hook "mail" failed \(onBackup\), which changes nothing: .*exited with 3/);
});

hooksTest(
  "no hook learns a secret, not even one that the configuration takes from a variable",
  async (scene, hooks) => {
    const { box, env } = scene;
    hooks(
      `[repositories.main]\nurl = "${box.repo}"\npassword = "env:SHOP_KEY"\n` +
        `[[hooks]]\nevent = "onBackup"\ncommand = "tr '\\\\0' '\\\\n' </proc/self/environ >environ"\n`,
    );
    const secrets = { SHOP_KEY: "correct horse", AWS_SECRET_ACCESS_KEY: "hidden", AGENT_REST_PASSWORD: "hidden" };
    const others = { AGENT_REPOSITORY: undefined, AGENT_PASSWORD_FILE: undefined, MYSQL_PWD: "its own" };
    for (const pass of [[], ["--pass-secrets"]]) {
      await box.ok(["put", "s", "-r", "main", "--guard", "none", ...pass], {
        env: { ...env, ...others, ...secrets },
        stdin: "x",
      });
      const environ = await Deno.readTextFile(box.join("environ"));
      assert.match(environ, /^AGENT_EVENT=onBackup$/m);
      assert.match(environ, /^AGENT_SERIES=s$/m);
      assert.match(environ, /^MYSQL_PWD=its own$/m);
      for (const name of Object.keys(secrets)) assert.ok(!environ.includes(`${name}=`), environ);
    }
  },
);

hooksTest(
  "a hook that hangs is ended with all that it started, at its time limit and by an interruption",
  async (scene, hooks) => {
    const { box, env } = scene;
    const hanging = `command = "sh -c 'echo $$ >pid; exec sleep 1000' & wait"\n`;
    const pid = () => Deno.readTextFile(box.join("pid")).then((text) => Number(text) || undefined, () => undefined);
    hooks(`[[hooks]]\nname = "slow"\nevent = "beforeBackup"\ntimeout = "1s"\n${hanging}`);
    assertFailsAfterOutput(
      await box.agent(["put", "s", "--guard", "none"], { env, stdin: "x" }),
      ExitCode.failed,
      /The hook "slow" refused \(beforeBackup\): it did not end within 1\.0 s\n$/,
    );
    await assert.rejects(Deno.stat(`/proc/${await pid()}/exe`), Deno.errors.NotFound);

    // On a busy machine the second may be over before the hook has written it.
    await Deno.remove(box.join("pid")).catch(() => {});
    hooks(`[[hooks]]\nname = "slow"\nevent = "beforeBackup"\n${hanging}`);
    await using running = box.start(["put", "s", "--guard", "none"], { env });
    await running.write("x");
    await running.closeInput();
    const started = await eventually("the hook runs", pid);
    running.kill("SIGINT");
    assert.equal((await running.outcome()).exitCode, ExitCode.interrupted);
    await assert.rejects(Deno.stat(`/proc/${started}/exe`), Deno.errors.NotFound);
  },
);

hooksTest("a hook that ignores SIGTERM does not outlive an interruption of what it hears of", async (scene, hooks) => {
  const { box, env } = scene;
  const stubborn = "trap '' TERM; echo $$ >pid; while :; do sleep 1000; done";
  hooks(`[[hooks]]\nevent = "onBackup"\ncommand = "${stubborn}"\n`);
  await using running = box.start(["put", "s", "--guard", "none"], { env });
  await running.write("x");
  await running.closeInput();
  const read = () => Deno.readTextFile(box.join("pid")).then((text) => Number(text) || undefined, () => undefined);
  const pid = await eventually("the hook runs", read);
  running.kill("SIGINT");
  assert.equal((await running.outcome()).exitCode, ExitCode.interrupted);
  await eventually("the hook is gone", () => Deno.stat(`/proc/${pid}/exe`).then(() => undefined, () => true));
});

hooksTest(
  "a hook may be an HTTP call, whose refusal prevents a restore before anything is written",
  async (scene, hooks) => {
    const { box, env } = scene;
    await box.put("s", "content", "--guard", "none");
    const paths: string[] = [];
    await withHttpServer((request, response) => {
      paths.push(request.url!);
      response.writeHead(409).end("the target is in use");
    }, async (origin) => {
      hooks(`[[hooks]]\nevent = "beforeRestore"\nurl = "${origin}/secret-path"\n`);
      const outcome = await box.agent(["get", "s", "-o", "restored"], { env });
      assertFailsAfterOutput(
        outcome,
        ExitCode.failed,
        /^agent: The hook "hook 1 \(beforeRestore\)" refused \(beforeRestore\): \S+ answered 409: the target is in use\n$/,
      );
      assert.ok(!outcome.stderr.includes("secret-path"));
    });
    assert.deepEqual(paths, ["/secret-path"]);
    await assert.rejects(Deno.stat(box.join("restored")), Deno.errors.NotFound);
  },
);
