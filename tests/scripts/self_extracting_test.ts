/** The self-extracting form: its header, its build info, and what is told of a failure. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { complaintOf } from "../../scripts/build/deno_process.ts";
import { type BuildInfo, loadingOnDemand, withBuildInfo, writeProgram } from "../../scripts/build/program.ts";
import { renderFront } from "../../scripts/build/self_extracting.ts";

const BLOCK_BYTES = 4096;
const PROGRAM = new Map([["main.js", "main".repeat(3000)], ["chunk-A1.js", "chunk"], ["worker.js", "worker"]]);
const RUNTIME = new Uint8Array(5000).fill(7);

const TEMPLATE = `#!/bin/sh
header @HEADER_BLOCKS@
names @NAMES@
program @PROGRAM_SHA256@ @UNPACKED_BYTES@
runtime @RUNTIME_POSITION@ @RUNTIME_SHA256@
@TABLE@
`;

function render({ program = PROGRAM, template = TEMPLATE, version = "1.2.3" } = {}): Uint8Array {
  return renderFront(template, program, { version, runtime: RUNTIME });
}

/** The values of the line of the header that begins with this word. */
function valuesOf(front: Uint8Array, word: string): string[] {
  const line = new TextDecoder().decode(front).split("\n").find((line) => line.startsWith(`${word} `));
  return line!.split(" ").slice(1);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

Deno.test("the header says which files follow it, where the runtime begins, and what their digests are", () => {
  const front = render();
  const program = front.subarray(Number(valuesOf(front, "header")[0]) * BLOCK_BYTES);
  const lines = new TextDecoder().decode(front).split("\n").filter((line) => /^\d+ \S+$/.test(line));
  assert.deepEqual(valuesOf(front, "names"), [...PROGRAM.keys()]);
  assert.deepEqual(lines.map((line) => line.split(" ")[1]), [...PROGRAM.keys()]);
  let at = 0;
  for (const line of lines) {
    const [blocks, name] = line.split(" ") as [string, string];
    const end = at + Number(blocks) * BLOCK_BYTES;
    assert.equal(new TextDecoder().decode(program.subarray(at, end)).trimEnd(), PROGRAM.get(name));
    at = end;
  }
  assert.equal(at, program.length);
  assert.deepEqual(valuesOf(front, "program"), [sha256(program), `${RUNTIME.length + program.length}`]);
  assert.deepEqual(valuesOf(front, "runtime"), [`${front.length + 1}`, sha256(RUNTIME)]);
});

Deno.test("equal builds have equal fronts, a changed program another", () => {
  assert.deepEqual(render(), render());
  assert.notDeepEqual(render(), render({ program: new Map([...PROGRAM, ["worker.js", "worker!"]]) }));
  assert.notDeepEqual(render({ template: "@VERSION@" }), render({ template: "@VERSION@", version: "1.2.4" }));
});

Deno.test("a name in the header without a value is an error", () => {
  assert.throws(() => render({ template: "@NONSENSE@" }), RangeError);
});

Deno.test("the real header has a value for every name and fits its blocks", async () => {
  const template = await Deno.readTextFile(new URL("../../scripts/build/header.sh", import.meta.url));
  const front = render({ template });
  const header = new TextDecoder().decode(front.subarray(0, front.indexOf(10, 3 * BLOCK_BYTES)));
  assert.doesNotMatch(header, /@[A-Z0-9_]+@/);
});

Deno.test("build info stands before everything else in the program", () => {
  const info: BuildInfo = { form: "compiled", version: "1.2.3", commit: "0123456789ab-dirty" };
  const program = withBuildInfo(new Map([["main.js", "use(AGENT_BUILD);"], ["worker.js", "work();"]]), info);
  const main = program.get("main.js")!;
  const scope = { AGENT_BUILD: undefined };
  new Function("globalThis", main.slice(0, main.indexOf("use(")))(scope);
  assert.deepEqual(scope.AGENT_BUILD, info);
  assert.ok(main.endsWith("use(AGENT_BUILD);"));
  assert.equal(program.get("worker.js"), "work();");
});

Deno.test("the runtime cannot tell which files the program loads on demand, and no package loads what it does not use", async () => {
  const bundled = [
    'import { createRequire as __deno_internal_createRequire } from "node:module";',
    "var __require = __deno_internal_createRequire(import.meta.url);",
    'var path = __require("node:path");',
    'var absent = __require("node:no_such_module");',
    'export const joined = path.join("a", "b");',
    'export const late = () => import("./late.js");',
    "export const shown = 'import(\"./other.js\")';",
  ].join("\n");
  const program = loadingOnDemand(new Map([["main.js", bundled], ["late.js", "export const value = 1;"]]));
  const text = program.get("main.js")!;
  assert.doesNotMatch(text, /import\("\.\/late\.js"\)|node:module/);
  const folder = await Deno.makeTempDir();
  try {
    await writeProgram(program, folder);
    const loaded = await import(pathToFileURL(join(folder, "main.js")).href);
    assert.equal(loaded.joined, "a/b");
    assert.equal((await loaded.late()).value, 1);
    assert.equal(loaded.shown, 'import("./other.js")');
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("one line is picked out of Deno's error report", () => {
  const report = [
    "Compile main.js to agent",
    "error: Writing deno compile executable to temporary file 'agent.tmp'",
    "",
    "Caused by:",
    "    0: Setting up base binary.",
    "    1: error sending request for url (https://example.org/denort.zip): dns error",
    "    2: dns error",
  ];
  assert.equal(
    complaintOf(report.join("\n")),
    "error sending request for url (https://example.org/denort.zip): dns error",
  );
  assert.equal(complaintOf("warning\nerror: Module not found"), "Module not found");
  assert.equal(complaintOf("Killed\n"), "Killed");
  assert.equal(complaintOf(""), "no message");
});
