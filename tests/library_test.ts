/** The library as programs have it: those of docs/library.md, in a folder of their own, and the files that are published. */
import assert from "node:assert/strict";
import { join, relative, resolve } from "node:path";
import { modulesIn } from "./helpers/modules.ts";

const ROOT = resolve(import.meta.dirname!, "..");

/** The programs of docs/library.md. */
async function documentedPrograms(): Promise<string[]> {
  const page = await Deno.readTextFile(join(ROOT, "docs/library.md"));
  return [...page.matchAll(/```ts\n(.*?)```/gs)].map(([, program]) => program!);
}

/**
 * Runs `deno SUBCOMMAND ARG… program.ts` in a folder outside of the project, with the `deno.json` of the page, which says
 * where the library is and nothing else.
 */
async function inFolderOfItsOwn(
  program: string,
  args: readonly string[],
  look: (folder: string, output: { code: number; stdout: string; stderr: string }) => void | Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const plain = { imports: { "@agent/agent": join(ROOT, "src/mod.ts") } };
    await Deno.writeTextFile(join(folder, "deno.json"), JSON.stringify(plain));
    await Deno.writeTextFile(join(folder, "program.ts"), program);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...args, "program.ts"],
      cwd: folder,
      env: { NO_COLOR: "1" },
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
  const imported = new Set<string>();
  const bodies = programs.map((program) => {
    const [statement, names] = /import \{(.*?)\} from "@agent\/agent";/s.exec(program)!;
    for (const name of names!.split(",")) if (name.trim() !== "") imported.add(name.trim());
    return `async () => {\n${program.replace(statement, "")}};`;
  });
  const program = `import { ${[...imported].join(", ")} } from "@agent/agent";\n${bodies.join("\n")}`;
  await inFolderOfItsOwn(program, ["check"], (_, { code, stderr }) => assert.equal(code, 0, stderr));
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
