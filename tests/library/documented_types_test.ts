/**
 * The types of all documented programs: those of docs/library.md, docs/scripting.md and docs/engines.md and the plugins,
 * outside of the project with the plainest settings. They are checked together, because each check is of the whole
 * library as well, which takes half a minute.
 */
import assert from "node:assert/strict";
import {
  agentProgram,
  documentedPlugins,
  engineProject,
  guidePrograms,
  useCasePrograms,
} from "../helpers/documented_programs.ts";
import { page } from "../helpers/documents.ts";
import { ForeignFolder } from "../helpers/foreign_folder.ts";

/** All programs, by the paths of their files. */
async function documentedFiles(): Promise<Record<string, string>> {
  const { "deno.json": _settings, ...engine } = await engineProject();
  const ofUseCases = await useCasePrograms();
  const ofGuide = guidePrograms((await page("docs/scripting.md")).text);
  assert.deepEqual([ofUseCases.length, ofGuide.length], [3, 9]);
  return Object.fromEntries([
    ["library/agent.ts", await agentProgram({ isRun: false })],
    ...ofUseCases.map((text, i) => [`library/use_case_${i}.ts`, text]),
    ...ofGuide.map(({ name, text }, i) => [`guide/${name ?? `program_${i}.ts`}`, text]),
    ...Object.entries(engine).map(([name, text]) => [`engine/${name}`, text]),
    // Deno checks JavaScript only where it is asked to.
    ...Object.entries(await documentedPlugins()).map(([name, text]) => [`plugins/${name}`, `// @ts-check\n${text}`]),
  ]);
}

const NAME = "all documented programs and plugins type-check in a folder with the plainest settings";

Deno.test(NAME, { timeout: 600_000 }, async () => {
  await using folder = new ForeignFolder();
  folder.write("deno.json", (await engineProject())["deno.json"]);
  const files = await documentedFiles();
  for (const [path, text] of Object.entries(files)) folder.write(path, `${text}\nexport {};\n`);
  // The check sees what it is to see.
  folder.write("wrong/program.ts", 'import { openAgent } from "@agent/agent";\nawait openAgent({ repository: 1 });\n');
  folder.write(
    "wrong/plugin.js",
    '// @ts-check\n/** @type {import("@agent/agent").Plugin} */\nexport default { version: 1 };\n',
  );
  const { code, stderr } = await folder.check(...Object.keys(files), "wrong/program.ts", "wrong/plugin.js");
  assert.equal(code, 1);
  const errors = stderr.split(/^TS\d+ \[ERROR\]: /m).slice(1);
  const places = errors.map((error) => /^ +at file:\/\/(.*):\d+:\d+$/m.exec(error)?.[1]);
  assert.deepEqual(places.sort(), [folder.at("wrong/plugin.js"), folder.at("wrong/program.ts")], stderr);
});
