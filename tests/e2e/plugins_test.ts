/** Plugins of the executable: what they add, and what a faulty one may not spoil. */
import assert from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { ROOT } from "../helpers/documents.ts";
import { eventually, type Outcome, type Sandbox, sandbox } from "../helpers/executable.ts";
import { TrustedDirectory, trustedTest } from "../helpers/trusted_directory.ts";
import { documentedEnginePlugin } from "../library/plugins/documented_engine.ts";

/** A repository, and a directory of plugins with a configuration that enables some. */
interface Scene extends AsyncDisposable {
  readonly box: Sandbox;
  readonly trusted: TrustedDirectory;
  readonly env: Readonly<Record<string, string>>;
  agent(args: readonly string[], stdin?: string): Promise<Outcome>;
  /** Fails the test unless the exit code is 0. */
  ok(args: readonly string[], stdin?: string): Promise<Outcome>;
}

/** Makes one. `plugins`: texts by the names of their files; `settings`: more of the configuration. */
async function scene(
  plugins: Readonly<Record<string, string>>,
  enabled: readonly string[],
  settings = "",
): Promise<Scene> {
  const box = await sandbox();
  const trusted = new TrustedDirectory();
  for (const [name, text] of Object.entries(plugins)) trusted.write(`plugins/${name}`, text);
  const list = enabled.map((name) => `"${name}"`).join(", ");
  const text = `[plugins]\ndir = "${trusted.at("plugins")}"\nenabled = [${list}]\n${settings}`;
  const env = { AGENT_CONFIG: trusted.write("agent.toml", text) };
  const agent = (args: readonly string[], stdin = "") => box.agent(args, { env, stdin });
  return {
    box,
    trusted,
    env,
    agent,
    async ok(args, stdin) {
      const outcome = await agent(args, stdin);
      assert.equal(outcome.exitCode, ExitCode.done, outcome.stderr);
      return outcome;
    },
    async [Symbol.asyncDispose]() {
      trusted[Symbol.dispose]();
      await box[Symbol.asyncDispose]();
    },
  };
}

function documented(name: string): Promise<string> {
  return Deno.readTextFile(`${ROOT}/docs/plugins/${name}.js`);
}

/** The text of a plugin whose `activate` has this body. */
function activating(body: string): string {
  return `import { writeFileSync } from "node:fs";\nexport default { activate(context) { ${body} } };`;
}

trustedTest(
  "a repository lies in the store of a plugin, and the engine of a plugin fills it and gets it back",
  async () => {
    const plugins = { "onefile.js": await documented("onefile"), "log.js": await documentedEnginePlugin("js") };
    await using at = await scene(plugins, ["onefile", "log"]);
    const repository = ["-r", `onefile:${at.box.join("repository.db")}`];
    const log = at.box.join("orders.log");
    await at.ok([...repository, "init"]);
    for (const lines of ["order 1\n", "order 2\n"]) {
      await Deno.writeTextFile(log, lines, { append: true });
      await at.ok([...repository, "put", "orders", `log:${log}`]);
    }
    const { stdout } = await at.ok([...repository, "ls", "--json"]);
    assert.deepEqual(stdout.trim().split("\n").map((line) => JSON.parse(line).level), [0, 1]);
    await at.ok([...repository, "get", "orders", "--into", `log:${at.box.join("copy.log")}`]);
    assert.equal(await Deno.readTextFile(at.box.join("copy.log")), "order 1\norder 2\n");
    await at.ok([...repository, "check", "--read-data"]);
  },
);

trustedTest("plugins are listed with origin, version and state", async () => {
  const plugins = {
    "timer.js": await documented("timer"),
    "bad.mjs": "throw new Error('no disk');",
    "typed.ts": "export default { activate() {} } as unknown;",
    "other.js": "throw new Error('it was loaded');",
  };
  await using at = await scene(plugins, ["timer", "bad", "typed"]);
  const { stdout, stderr } = await at.ok(["plugins", "--json"]);
  const origin = (file: string) => at.trusted.at(`plugins/${file}`);
  const typed = `"${origin("typed.ts")}" is TypeScript, which only a source tree runs; make JavaScript of it: ` +
    "deno bundle -o typed.js typed.ts";
  assert.deepEqual(stdout.trim().split("\n").map((line) => JSON.parse(line)), [
    { name: "timer", origin: origin("timer.js"), version: "1", state: "enabled", reason: null },
    { name: "bad", origin: origin("bad.mjs"), version: null, state: "faulty", reason: "no disk" },
    { name: "typed", origin: null, version: null, state: "faulty", reason: typed },
    { name: "other", origin: origin("other.js"), version: null, state: "not enabled", reason: null },
  ]);
  assert.match(stderr, /The plugin \\"bad\\" is faulty and does nothing: no disk/);
  const table = await at.ok(["plugins"]);
  assert.match(table.stdout, /^bad +- +faulty: no disk/m);
  assert.match(table.stderr, /^4 plugins: 1 enabled, 2 faulty$/m);
});

trustedTest("a backup goes on beside plugins that throw, hang or have the wrong form, and each is named", async () => {
  const plugins = {
    "throws.js": activating("throw new Error('no disk')"),
    "hangs.js": activating("return new Promise(() => {})"),
    "shape.js": "export default 7;",
    "strays.js": activating("setTimeout(() => { throw new Error('no clue'); }); Promise.reject(new Error('no hope'));"),
    "ends.js": "export default { activate() {}, deactivate() { throw new Error('no end'); } };",
  };
  await using at = await scene(plugins, ["throws", "strays", "hangs", "shape", "ends", "missing"]);
  const { stderr } = await at.ok(["put", "s"], "hello");
  const said = [...stderr.matchAll(/warning: The plugin "(\w+)" ([^\n]+)/g)].map(([, name, what]) => [name, what]);
  // Which of the strays comes first is the runtime's matter.
  const strays = said.filter(([name]) => name === "strays").map(([, what]) => what!).sort();
  assert.deepEqual(strays, ["clue", "hope"].map((what) => `failed where nothing waits for it: no ${what}`));
  assert.deepEqual(said.filter(([name]) => name !== "strays"), [
    ["throws", "is faulty and does nothing: no disk"],
    ["hangs", "is faulty and does nothing: it was not ready within 10 s"],
    [
      "shape",
      "is faulty and does nothing: its default export is of the type number, not a class or an object with activate()",
    ],
    ["missing", `is faulty and does nothing: there is no missing.js, .mjs or .ts in "${at.trusted.at("plugins")}"`],
    ["ends", "failed at its end: no end"],
  ]);
  assert.equal(await at.box.ok(["get", "s"]), "hello");
});

trustedTest("what needs a faulty plugin fails with its name", async () => {
  const bad = `context.registerStore("lost", () => ({}));
    context.registerEngine("gone", { version: "1", replays: false, parameters: [], source() {} });
    context.registerGuard("letter", () => ({}));
    context.registerCommand({ name: "hello", description: "says hello", run() {} });
    throw new Error("no disk");`;
  await using at = await scene({ "bad.js": activating(bad) }, ["bad"]);
  const because = 'is that of the plugin "bad", which is faulty: no disk';
  const refusals = [
    [["-r", "lost:/srv", "ls"], `agent: The store "lost" ${because}`],
    [["put", "s", "gone:/srv"], `agent: The engine "gone" ${because}`],
    [["put", "s", "--guard", "letter"], `agent: The guard "letter" ${because}`],
    [["hello"], `agent: The command "hello" ${because}`],
    [["-r", "other:/srv", "ls"], 'it may be that of the plugin "bad", which is faulty: no disk'],
  ] as const;
  for (const [args, message] of refusals) {
    const { exitCode, stderr } = await at.agent(args, "hello");
    assert.ok(stderr.includes(message), `${args.join(" ")}: ${stderr}`);
    assert.ok(exitCode === ExitCode.failed || exitCode === ExitCode.usage, `${exitCode}`);
  }
  assert.equal(await at.box.ok(["ls", "-q", "--json"]), "");
});

const LETTER = `context.registerGuard("letter", () => {
  let last = 1;
  return {
    push: (bytes) => { last = bytes.at(-1) ?? last; if (last === 33) throw new Error("no ink"); },
    finish: () => ({ complete: last === 46, reason: "it ends with the byte " + last }),
  };
});`;

trustedTest("the guard of a plugin judges a stream, and nothing is committed if it fails", async () => {
  await using at = await scene({ "letters.js": activating(LETTER) }, ["letters"]);
  await at.ok(["put", "s", "--guard", "letter"], "Dear all.");
  for (
    const [text, reason] of [["Dear all", /the letter stream is not whole: it ends with/], [
      "No!",
      /failed: no ink/,
    ]] as const
  ) {
    const { exitCode, stderr } = await at.agent(["put", "s", "--guard", "letter"], text);
    assert.equal(exitCode, ExitCode.source, stderr);
    assert.match(stderr, reason);
  }
  const { stdout } = await at.ok(["ls", "--json"]);
  assert.equal(stdout.trim().split("\n").length, 1);
  assert.equal((await at.ok(["get", "s"])).stdout, "Dear all.");
  const wrong = await at.agent(["put", "s", "--guard", "leter"], "Dear all.");
  assert.match(wrong.stderr, /No such guard: "leter"; choose one of .*, letter$/m);
});

const COMMANDS = `
context.registerCommand({
  name: "hello",
  description: "say hello",
  arguments: [{ name: "who", description: "whom to greet", isRepeated: true }],
  options: [
    { name: "loud", description: "with a call" },
    { name: "word-of-it", description: "another word", value: "word" },
  ],
  async run({ arguments: names, options }, io) {
    const word = options["word-of-it"] ?? "Hello";
    const input = await new Response(io.stdin).text();
    await io.write(word + " " + names.join(" and ") + (options.loud ? "!" : ".") + input + "\\n");
    await io.writeError("done");
  },
});
context.registerCommand({ name: "fails", description: "fail", run() { throw new Error("no luck"); } });
context.registerCommand({ name: "refuses", description: "refuse", run() { throw new context.library.UsageError("no"); } });`;

trustedTest(
  "the commands of a plugin stand in the help, take arguments and options, and fail with their own words",
  async () => {
    await using at = await scene({ "commands.js": activating(COMMANDS) }, ["commands"]);
    assert.match((await at.ok(["--help"])).stdout, /^ +hello .*say hello \(plugin "commands"\)$/m);
    const help = (await at.ok(["hello", "--help"])).stdout;
    assert.match(help, /whom to greet/);
    assert.match(help, /--word-of-it <word>/);
    const said = await at.ok(["hello", "--loud", "Ada", "Bob"], " Bye");
    assert.deepEqual([said.stdout, said.stderr], ["Hello Ada and Bob! Bye\n", "done\n"]);
    assert.equal((await at.ok(["hello", "--word-of-it=Hi", "Ada"])).stdout, "Hi Ada.\n");
    const outcomes = [
      [["hello"], ExitCode.usage, /Missing required argument 'who'/],
      [["hello", "Ada", "--quiet-please"], ExitCode.usage, /Unknown option '--quiet-please'/],
      [["fails"], ExitCode.failed, /^agent: "agent fails" of the plugin "commands" failed: no luck$/m],
      [["refuses"], ExitCode.usage, /^agent: no$/m],
      [["helo"], ExitCode.usage, /There is no command "agent helo"; did you mean "hello"\?/],
    ] as const;
    for (const [args, code, message] of outcomes) {
      const { exitCode, stderr } = await at.agent(args);
      assert.match(stderr, message);
      assert.equal(exitCode, code, stderr);
    }
  },
);

trustedTest(
  "two plugins of one scheme are both named, and a plugin cannot take what is the program's own",
  async () => {
    const store = (scheme: string) => activating(`context.registerStore("${scheme}", () => ({}));`);
    await using at = await scene({ "a.js": store("shard"), "b.js": store("shard"), "c.js": store("s3") }, [
      "a",
      "b",
      "c",
    ]);
    const { exitCode, stderr } = await at.agent(["-r", "shard:/srv", "ls"]);
    assert.equal(exitCode, ExitCode.failed);
    assert.match(stderr, /^agent: The store "shard" is registered by both plugins "a" and "b": enable one of them$/m);
    assert.match(stderr, /The plugin "c" is faulty and does nothing: the store "s3" is the program's own/);
  },
);

/** Writes what it lives through into a file. */
const DIARY = (path: string) => `
import { appendFileSync } from "node:fs";
const note = (what) => appendFileSync(${JSON.stringify(path)}, what + "\\n");
note("loaded");
export default class {
  activate({ conf, settings, events }) {
    note("activated " + JSON.stringify({ settings, dir: typeof conf.plugins.dir }));
    for (const name of ["beforeBackup", "onBackup", "onError"]) {
      events.on(name, ({ series }) => {
        note(name + " " + series);
        if (series === "forbidden") throw new Error("not today");
      });
    }
  }
  deactivate() { note("deactivated"); }
}`;

trustedTest(
  "a plugin lives from the start of a command to its end: done, failed or interrupted; it hears and vetoes",
  async () => {
    await using at = await scene({}, ["diary"], `[plugins.diary]\nunit = "s"\n`);
    const diary = at.box.join("diary");
    at.trusted.write("plugins/diary.js", DIARY(diary));
    const pages = async () => {
      const text = await Deno.readTextFile(diary);
      await Deno.remove(diary);
      return text.trimEnd().split("\n");
    };
    const begun = ["loaded", 'activated {"settings":{"unit":"s"},"dir":"string"}'];
    await at.ok(["put", "s"], "hello");
    assert.deepEqual(await pages(), [...begun, "beforeBackup s", "onBackup s", "deactivated"]);
    const vetoed = await at.agent(["put", "forbidden"], "hello");
    assert.equal(vetoed.exitCode, ExitCode.failed);
    assert.match(vetoed.stderr, /The plugin "diary" refused \(beforeBackup\): not today/);
    assert.deepEqual(await pages(), [...begun, "beforeBackup forbidden", "onError forbidden", "deactivated"]);
    assert.equal((await at.agent(["get", "nothing"])).exitCode, ExitCode.usage);
    assert.deepEqual(await pages(), [...begun, "onError nothing", "deactivated"]);

    await using running = at.box.start(["put", "s"], { env: at.env });
    await running.write("hello");
    await eventually(
      "its activation",
      () => Deno.readTextFile(diary).then((text) => text.includes("activated"), () => false),
    );
    running.kill("SIGINT");
    assert.equal((await running.outcome()).exitCode, ExitCode.interrupted);
    assert.equal((await pages()).at(-1), "deactivated");
  },
);

trustedTest("a plugin that is not enabled, or that others may change, is not loaded", async () => {
  await using at = await scene({}, []);
  const diary = at.box.join("diary");
  const path = at.trusted.write("plugins/diary.js", DIARY(diary));
  await at.ok(["put", "s"], "hello");
  const enabled = `[plugins]\ndir = "${at.trusted.at("plugins")}"\nenabled = ["diary"]\n`;
  at.trusted.write("agent.toml", enabled);
  for (const [place, mode] of [[path, 0o666], [at.trusted.at("plugins"), 0o777]] as const) {
    await Deno.chmod(place, mode);
    const { stderr } = await at.ok(["put", "s"], "hello");
    assert.match(stderr, /The plugin "diary" is faulty and does nothing: Refusing the .*may be written by everybody/);
    await Deno.chmod(place, 0o700);
  }
  await assert.rejects(Deno.stat(diary), Deno.errors.NotFound);
  await at.ok(["version"]);
  await assert.rejects(Deno.stat(diary), Deno.errors.NotFound);
});

trustedTest("the webhook posts what came of a backup, and a server that is away changes nothing", async () => {
  const posted: Record<string, unknown>[] = [];
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    posted.push(await request.json());
    return new Response(null, { status: posted.length === 1 ? 204 : 500 });
  });
  const url = `http://127.0.0.1:${server.addr.port}/backups`;
  const settings = `[plugins.webhook]\nurl = "${url}"\n`;
  await using at = await scene({ "webhook.js": await documented("webhook") }, ["webhook"], settings);
  const { stderr } = await at.ok(["put", "s"], "hello");
  assert.doesNotMatch(stderr, /warning/);
  const [event] = posted;
  assert.deepEqual([event!.event, event!.series, (event!.result as { series: string }).series], ["onBackup", "s", "s"]);
  const again = await at.ok(["put", "s"], "hello");
  assert.match(
    again.stderr,
    /The plugin "webhook" failed \(onBackup\), which changes nothing: 127\.0\.0\.1:\d+ answered with 500/,
  );
});

trustedTest("hooks and plugins hear of the same action, and either vetoes it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const [notes, heard] = [`${folder}/diary`, `${folder}/heard`];
    const command = `echo $AGENT_SERIES >> ${heard}; test $AGENT_SERIES != vetoed`;
    const hook = `[[hooks]]\nevent = "beforeBackup"\ncommand = "${command}"\n`;
    await using at = await scene({ "diary.js": DIARY(notes) }, ["diary"], hook);
    await at.ok(["put", "s"], "hello");
    for (const series of ["vetoed", "forbidden"]) {
      assert.equal((await at.agent(["put", series], "hello")).exitCode, ExitCode.failed);
    }
    assert.equal(await Deno.readTextFile(heard), "s\nvetoed\n");
    assert.deepEqual((await Deno.readTextFile(notes)).match(/^(on|before).*$/gm), [
      ...["beforeBackup s", "onBackup s"],
      ...["beforeBackup vetoed", "onError vetoed"],
      ...["beforeBackup forbidden", "onError forbidden"],
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

trustedTest(
  "from source, plugins in TypeScript keep repositories and read sources as those in JavaScript do",
  async () => {
    const plugins = { "onefile.js": await documented("onefile"), "log.ts": await documentedEnginePlugin("ts") };
    await using at = await scene(plugins, ["onefile", "log"]);
    const log = await at.box.file("orders.log", "order 1\n");
    const source = async (...args: string[]) => {
      const command = [
        "run",
        "-A",
        "--no-check",
        `${ROOT}/src/main.ts`,
        "-r",
        `onefile:${at.box.join("r.db")}`,
        ...args,
      ];
      await using running = at.box.startProgram(Deno.execPath(), command, at.env);
      await running.closeInput();
      const outcome = await running.outcome();
      assert.equal(outcome.exitCode, ExitCode.done, outcome.stderr);
    };
    await source("init");
    await source("put", "orders", `log:${log}`);
    await source("get", "orders", "--into", `log:${at.box.join("copy.log")}`);
    assert.equal(await Deno.readTextFile(at.box.join("copy.log")), "order 1\n");
  },
);

trustedTest("a plugin that ends the process does not make a backup look as if it were made", async () => {
  const ends = activating('context.events.on("beforeBackup", () => Deno.exit(0));');
  await using place = await scene({ "ends.js": ends }, ["ends"]);
  const { exitCode, stdout, stderr } = await place.agent(["put", "s", "--guard", "none"], "x");
  assert.equal(exitCode, ExitCode.failed);
  assert.equal(stdout, "");
  assert.equal(stderr, "agent: A plugin ended the process before the command had ended: correct or disable it\n");
  const asJson = await place.agent(["put", "s", "--guard", "none", "--json"], "x");
  assert.equal(JSON.parse(asJson.stderr.trim().split("\n").at(-1)!).code, ExitCode.failed);
});

trustedTest("what a plugin throws stops no other command, however odd it is", async () => {
  const odd = {
    "nothing.js": activating("throw Object.create(null);"),
    "huge.js": activating('throw new Error("x".repeat(1e7));'),
  };
  await using place = await scene(odd, ["nothing", "huge"]);
  const { stderr } = await place.ok(["ls"]);
  assert.match(stderr, /plugin "nothing" is faulty and does nothing: something that has no text was thrown/);
  assert.match(stderr, /plugin "huge" is faulty and does nothing: x+…x+\n/);
});
