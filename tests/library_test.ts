/** The library as programs have it: those of docs/library.md, in a folder of their own, and the files that are published. */
import assert from "node:assert/strict";
import { join, relative, resolve } from "node:path";
import { modulesIn } from "./helpers/modules.ts";
import { programTest } from "./helpers/programs.ts";

const ROOT = resolve(import.meta.dirname!, "..");

/** The examples of docs/library.md: code, and whether it is to be run. */
interface Example {
  readonly code: string;
  /** Examples that need a server of databases are only checked. */
  readonly isRun: boolean;
}

/** The examples of a part of the page. */
async function examples(part: "agent" | "use cases"): Promise<Example[]> {
  const page = await Deno.readTextFile(join(ROOT, "docs/library.md"));
  const [agent, useCases] = page.split("## The use cases beneath");
  const text = part === "agent" ? agent! : useCases!;
  return [...text.matchAll(/```(ts|typescript)\n(.*?)```/gs)].map(([, language, code]) => {
    return { code: code!, isRun: language === "ts" };
  });
}

/** Programs of their own as parts of one, and the names that they import. Each part gets what `wrap` makes of it. */
function joined(parts: readonly string[], wrap: (part: string, i: number) => string): string {
  const imported = new Set<string>();
  const bodies = parts.map((part, i) => {
    const [statement, names] = /import \{(.*?)\} from "@agent\/agent";/s.exec(part) ?? ["", ""];
    for (const name of names!.split(",")) if (name.trim() !== "") imported.add(name.trim());
    return wrap(part.replace(statement, ""), i);
  });
  return `import { ${[...imported].join(", ")} } from "@agent/agent";\n${bodies.join("\n")}`;
}

/** The examples of the agent: the first one, and the others within the scope of its agent. */
async function agentProgram({ isRun }: { readonly isRun: boolean }): Promise<string> {
  const all = (await examples("agent")).filter((example) => !isRun || example.isRun);
  return joined(all.map(({ code }) => code), (part) => part);
}

/** The programs of the use cases. */
async function documentedPrograms(): Promise<string[]> {
  return (await examples("use cases")).map(({ code }) => code);
}

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
): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    await Deno.mkdir(join(folder, "bin"));
    await Deno.writeTextFile(join(folder, "bin/mysqldump"), `#!/bin/sh\ncat <<'.'\n${DUMP}.\n`, { mode: 0o755 });
    const plain = { imports: { "@agent/agent": join(ROOT, "src/mod.ts") } };
    await Deno.writeTextFile(join(folder, "deno.json"), JSON.stringify(plain));
    await Deno.writeTextFile(join(folder, "program.ts"), program);
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

Deno.test("the documented programs type-check in a folder with the plainest settings", async () => {
  const programs = await documentedPrograms();
  assert.equal(programs.length, 3);
  // As one program, in blocks of their own: the library is checked once.
  const ofUseCases = joined(programs, (part) => `async () => {\n${part}};`);
  const program = joined([ofUseCases, await agentProgram({ isRun: false })], (part) => part);
  await inFolderOfItsOwn(program, ["check"], (_, { code, stderr }) => assert.equal(code, 0, stderr));
});

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
    });
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
  const [program] = await documentedPrograms();
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
  const [, program] = await documentedPrograms();
  await inFolderOfItsOwn(program!, ["run", "--allow-all", "--no-check"], (_, { code, stdout, stderr }) => {
    assert.equal(stdout, "0 problems\n1 files, 0 problems\n<h1>Shop</h1>\n", stderr);
    assert.equal(code, 0);
  });
});

Deno.test("the documented program writes, lists, reads and removes a backup in a store of its own scheme", async () => {
  const [, , program] = await documentedPrograms();
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
