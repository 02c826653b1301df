/** The library as programs have it: those of docs/library.md, in a folder of their own, and the files that are published. */
import assert from "node:assert/strict";
import { join, relative, resolve } from "node:path";
import { systemClock } from "../src/base/clock.ts";
import { systemRandomBytes } from "../src/crypto/random.ts";
import { initRepository } from "../src/repository/repository.ts";
import { openLocalStore } from "../src/store/local/local_store.ts";
import { agentProgram, useCasePrograms } from "./helpers/documented_programs.ts";
import { modulesIn } from "./helpers/modules.ts";
import { programTest } from "./helpers/programs.ts";
import { CHEAP_KDF, IDENTITY } from "./helpers/world.ts";

const ROOT = resolve(import.meta.dirname!, "..");

/** What mysqldump writes, as far as a guard looks. */
const DUMP = "-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n--\n-- Dump completed on 2026-01-02  3:04:05\n";

/**
 * Runs `deno SUBCOMMAND ARG… program.ts` in a folder outside of the project, with the `deno.json` of the page, which says
 * where the library is and nothing else.
 */
async function inFolderOfItsOwn(
  program: string,
  args: readonly string[],
  look: (folder: string, output: { code: number; stdout: string; stderr: string }) => void | Promise<void>,
  prepare: (folder: string) => Promise<unknown> = () => Promise.resolve(),
): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    await Deno.mkdir(join(folder, "bin"));
    await Deno.writeTextFile(join(folder, "bin/mysqldump"), `#!/bin/sh\ncat <<'.'\n${DUMP}.\n`, { mode: 0o755 });
    const plain = { imports: { "@agent/agent": join(ROOT, "src/mod.ts") } };
    await Deno.writeTextFile(join(folder, "deno.json"), JSON.stringify(plain));
    await Deno.writeTextFile(join(folder, "program.ts"), program);
    await prepare(folder);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...args, "program.ts"],
      cwd: folder,
      env: { NO_COLOR: "1", PATH: `${join(folder, "bin")}:${Deno.env.get("PATH")}` },
    }).output();
    const text = new TextDecoder();
    await look(folder, { code, stdout: text.decode(stdout), stderr: text.decode(stderr) });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The repository of the examples, so that their forty commands spend no time on deriving keys. */
async function cheapRepository(folder: string): Promise<void> {
  const store = openLocalStore(join(folder, "repository"), { random: systemRandomBytes });
  const tools = { clock: systemClock, identity: IDENTITY, randomBytes: systemRandomBytes, kdf: CHEAP_KDF };
  await initRepository(store, "correct horse battery staple", tools);
}

programTest({
  name: "the documented examples of an agent do what the page says, in one program",
  needs: ["tar"],
  async fn() {
    const program = await agentProgram({ isRun: true });
    await inFolderOfItsOwn(program, ["run", "--allow-all", "--no-check"], (_, { code, stdout, stderr }) => {
      const lines = stdout.trimEnd().split("\n");
      assert.match(lines[0] ?? "", /^prod\/shop \S+ [0-9a-f]{64}$/, stderr);
      assert.deepEqual(lines.slice(1), [
        "SourceError source-incomplete 3",
        "true",
        "prod/both shop.sql and site.tar",
        "1 <h1>Shop</h1>",
        "<h1>Shop</h1>",
        ...["row 1", "row 2", "row 3"],
        "stream prod/shop/data",
        "[ true ]",
        "3 versions",
        "true",
        "[ 0 ]",
        "4 series",
        "[ false, true ]",
        ...["true", "2"],
        "0 errors",
        "web/all 0",
        ...["0", "0"],
        "8080 a default",
        "hunter2",
        "true",
        "app/config 1, app/logo 1, app/motto 1, app/token 1",
        "true",
        "1 version gone",
        "backed up prod/rows 36 64",
        "a handler refused (beforeDelete): these rows stay",
        "vetoed",
        "backup 1 prod/rows",
        '[ "counter enabled" ]',
        "3 copied",
        "2 keys",
        "1 on the server",
      ], stderr);
      assert.equal(code, 0);
    }, cheapRepository);
  },
});

Deno.test("a newcomer's program by this page backs up, lists and restores in under ten lines", async () => {
  const lines = [
    'import { openAgent } from "@agent/agent";',
    'await using agent = await openAgent({ repository: "repo", passwordFile: "password", init: true });',
    'await agent.backup("prod/shop", { command: ["mysqldump", "shop"] });',
    "for (const { series } of await agent.ls()) console.log(series);",
    'await agent.restore("prod/shop", { to: "restored" });',
    'console.log((await Deno.readTextFile("restored/prod/shop/data")).length);',
  ];
  const program = ['await Deno.writeTextFile("password", "secret");', ...lines].join("\n");
  await inFolderOfItsOwn(program, ["run", "--allow-all", "--no-check"], (_, { code, stdout, stderr }) => {
    assert.equal(stdout, `prod/shop\n${DUMP.length}\n`, stderr);
    assert.equal(code, 0);
  });
});

Deno.test("the program in the README backs up into a repository that is there", async () => {
  const [, example] = /```ts\n(.*?)```/s.exec(await Deno.readTextFile(join(ROOT, "README.md"))) ?? [];
  const making = `{
  await Deno.writeTextFile("password", "secret");
  await using _made = await openAgent({ repository: "repo", passwordFile: "password", init: true });
}`;
  const program = example!.replace("/backup/repo", "repo").replace("/etc/agent.password", "password")
    .replace("\n", `\n${making}\n`);
  const listing = "for (const { series } of await agent.ls()) console.log(series);";
  await inFolderOfItsOwn(program + listing, ["run", "--allow-all", "--no-check"], (_, { code, stdout, stderr }) => {
    assert.equal(stdout, "prod/shop\n", stderr);
    assert.equal(code, 0);
  });
});

Deno.test("the documented program puts streams, refuses half of one, and verifies what it put", async () => {
  const [program] = await useCasePrograms();
  await inFolderOfItsOwn(program!, ["run", "--allow-all", "--no-check"], (_, { code, stdout, stderr }) => {
    assert.equal(
      stdout,
      "true The stream failed: the connection was lost; nothing was committed\nprod/shop/data 7893 bytes\n",
      stderr,
    );
    assert.equal(code, 0);
  });
});

Deno.test("the documented program puts a directory without what it excludes, and restores it", async () => {
  const [, program] = await useCasePrograms();
  await inFolderOfItsOwn(program!, ["run", "--allow-all", "--no-check"], (_, { code, stdout, stderr }) => {
    assert.equal(stdout, "0 problems\n1 files, 0 problems\n<h1>Shop</h1>\n", stderr);
    assert.equal(code, 0);
  });
});

Deno.test("the documented program writes, lists, reads and removes a backup in a store of its own scheme", async () => {
  const [, , program] = await useCasePrograms();
  await inFolderOfItsOwn(program!, ["run", "--allow-all", "--no-check"], async (folder, { code, stdout, stderr }) => {
    assert.equal(stdout, "2026-11-21.075342.zone1-0000000100 row 99\n0 left\n", stderr);
    assert.equal(code, 0);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(join(folder, "shelves/databases/locks"))), []);
  });
});

/** The modules that an entry needs, for its types alone included. */
async function modulesOf(entry: string): Promise<string[]> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    cwd: ROOT,
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as { modules: { local?: string }[] };
  return modules.flatMap(({ local }) => local === undefined ? [] : [relative(ROOT, local)])
    .filter((path) => !path.startsWith(".."));
}

Deno.test("published is what the library and the executable need, with README and LICENSE, and nothing else", async () => {
  const { publish: { include } } = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json")));
  const published: string[] = [];
  for (const path of include as string[]) {
    if (path === "src/**/*.ts") published.push(...await Array.fromAsync(modulesIn(join(ROOT, "src"))));
    else if ((await Deno.stat(join(ROOT, path))).isFile) published.push(path);
  }
  const needed = new Set(["README.md", "LICENSE"]);
  // Threads begin with worker.ts, which no module imports.
  for (const entry of ["src/mod.ts", "src/main.ts", "src/worker.ts"]) {
    for (const path of await modulesOf(entry)) needed.add(path);
  }
  assert.deepEqual(published.sort(), [...needed].sort());
});
