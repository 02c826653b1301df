/** The self-extracting form: its header, its build info, and what is told of a failure. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { complaintOf } from "../../scripts/build/deno_process.ts";
import { type BuildInfo, withBuildInfo } from "../../scripts/build/program.ts";
import { renderFront } from "../../scripts/build/self_extracting.ts";

const BLOCK_BYTES = 4096;
const PROGRAM = { main: "main".repeat(3000), worker: "worker" };
const RUNTIME = new Uint8Array(5000).fill(7);

const TEMPLATE = `#!/bin/sh
main @MAIN_BLOCK@ @MAIN_BLOCKS@ @MAIN_SHA256@
worker @WORKER_BLOCK@ @WORKER_BLOCKS@ @WORKER_SHA256@
runtime @RUNTIME_POSITION@ @RUNTIME_SHA256@ @UNPACKED_BYTES@
`;

function render({ program = PROGRAM, template = TEMPLATE, version = "1.2.3" } = {}): Uint8Array {
  return renderFront(template, program, { version, runtime: RUNTIME });
}

/** The values that the header gives for one of the three parts. */
function valuesOf(front: Uint8Array, part: string): string[] {
  const line = new TextDecoder().decode(front).split("\n").find((line) => line.startsWith(`${part} `));
  return line!.split(" ").slice(1);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

Deno.test("the header says where each part lies and what its digest is", () => {
  const front = render();
  let unpackedBytes = RUNTIME.length;
  for (const part of ["main", "worker"] as const) {
    const [block, blocks, digest] = valuesOf(front, part);
    const bytes = front.subarray(Number(block) * BLOCK_BYTES, (Number(block) + Number(blocks)) * BLOCK_BYTES);
    assert.equal(new TextDecoder().decode(bytes).trimEnd(), PROGRAM[part]);
    assert.equal(digest, sha256(bytes));
    unpackedBytes += bytes.length;
  }
  assert.deepEqual(valuesOf(front, "runtime"), [`${front.length + 1}`, sha256(RUNTIME), `${unpackedBytes}`]);
});

Deno.test("equal builds have equal fronts, a changed program another", () => {
  assert.deepEqual(render(), render());
  assert.notDeepEqual(render(), render({ program: { ...PROGRAM, worker: "worker!" } }));
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
  const { main, worker } = withBuildInfo({ main: "use(AGENT_BUILD);", worker: "work();" }, info);
  const scope = { AGENT_BUILD: undefined };
  new Function("globalThis", main.slice(0, main.indexOf("use(")))(scope);
  assert.deepEqual(scope.AGENT_BUILD, info);
  assert.ok(main.endsWith("use(AGENT_BUILD);"));
  assert.equal(worker, "work();");
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
