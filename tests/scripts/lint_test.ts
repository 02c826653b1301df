/** The project's own lint rules: layers, and what is touched only at the edge. */
/// <reference lib="deno.unstable" />
import assert from "node:assert/strict";
import plugin from "../../scripts/lint/plugin.ts";

/** The source texts that the rule reports in `source`, were it the file `path`. */
function reported(rule: string, path: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, path, source)
    .filter(({ id }) => id === `agent/${rule}`)
    .map(({ range: [start, end] }) => source.slice(start, end));
}

function messages(path: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, path, source).map(({ message }) => message);
}

Deno.test("layers lets a folder import lower floors, itself and packages", () => {
  const source = `
    import { a } from "../base/errors.ts";
    import type { B } from "../format/pack.ts";
    import { c } from "./sealed_files.ts";
    import { Command } from "commander";
    import { createHash } from "node:crypto";
    export * from "../store/store.ts";`;
  assert.deepEqual(reported("layers", "src/repository/open.ts", source), []);
  assert.deepEqual(reported("layers", "src/main.ts", `import "./cli/run.ts"; import "./base/errors.ts";`), []);
});

Deno.test("layers reports every way of naming a higher floor", () => {
  const forms = [
    `import { put } from "../ops/put.ts";`,
    `import "../ops/put.ts";`,
    `import type { Put } from "../ops/put.ts";`,
    `import { type Put } from "../ops/put.ts";`,
    `export { put } from "../ops/put.ts";`,
    `export type { Put } from "../ops/put.ts";`,
    `export * from "../ops/put.ts";`,
    `export * as put from "../ops/put.ts";`,
    `const put = await import("../ops/put.ts");`,
    `type Put = import("../ops/put.ts").Put;`,
    `import put = require("../ops/put.ts");`,
  ];
  for (const form of forms) assert.deepEqual(reported("layers", "src/store/a.ts", form), [`"../ops/put.ts"`], form);
});

Deno.test("layers finds the file behind roundabout specifiers", () => {
  for (
    const specifier of [`"./sub/../../ops/put.ts"`, `"@agent/agent"`, `"../../src/ops/put.ts"`, `"../../tests/a.ts"`]
  ) {
    assert.deepEqual(reported("layers", "src/store/a.ts", `import ${specifier};`), [specifier]);
  }
  const url = JSON.stringify(new URL("../../src/ops/put.ts", import.meta.url).href);
  assert.deepEqual(reported("layers", "src/store/a.ts", `import ${url};`), [url]);
});

Deno.test("layers names the rule and its reason", () => {
  assert.match(
    messages("src/store/a.ts", `import "../ops/put.ts"`)[0]!,
    /store \(floor 1\) imports ops \(floor 5\).*lower floors/,
  );
  assert.match(messages("src/store/a.ts", `import "../format/pack.ts"`)[0]!, /one floor are strangers/);
  assert.match(messages("src/worker.ts", `import "./mod.ts"`)[0]!, /one floor are strangers/);
  assert.match(messages("src/store/a.ts", `import "../../tests/helpers/a.ts"`)[0]!, /never imports tests/);
  assert.match(messages("src/store/a.ts", `import "../../scripts/build/main.ts"`)[0]!, /never imports tests/);
  assert.match(messages("src/misc/a.ts", `import "../base/errors.ts"`)[0]!, /src\/misc\/ has no floor/);
});

Deno.test("layers knows the steps of one floor", () => {
  assert.deepEqual(messages("src/compat/twindb/a.ts", `import "../../backup/backup.ts"`), []);
  assert.match(messages("src/backup/a.ts", `import "../compat/twindb/a.ts"`)[0]!, /lower floors/);
  assert.deepEqual(messages("src/guard/a.ts", `import "../codec/a.ts"`), []);
});

Deno.test("layers lets a room import lower rooms of its folder, and itself", () => {
  const allowed: [importer: string, specifier: string][] = [
    ["repository/pack/a.ts", "./b.ts"],
    ["repository/pack/a.ts", "../index/b.ts"],
    ["repository/pack/a.ts", "../repository.ts"],
    ["repository/index/a.ts", "../any_other.ts"],
    ["format/unpacked.ts", "./config.ts"],
    ["store/s3/s3_store.ts", "./credentials/a.ts"],
    ["store/s3/credentials/a.ts", "../signing.ts"],
    ["store/s3/credentials/a.ts", "../../http/client.ts"],
    ["chunker/a.ts", "./b.ts"],
  ];
  for (const [importer, specifier] of allowed) {
    assert.deepEqual(messages(`src/${importer}`, `import "${specifier}"`), [], `${importer} imports ${specifier}`);
  }
});

Deno.test("layers refuses higher rooms, rooms beside one, and rooms without a step", () => {
  const refused: [importer: string, specifier: string, message: RegExp][] = [
    ["repository/index/a.ts", "../pack/b.ts", /in src\/repository\/, index imports pack: .*lower steps/],
    ["repository/index/a.ts", "../repository.ts", /index imports repository\.ts/],
    ["repository/any_other.ts", "./index/b.ts", /any_other\.ts imports index/],
    ["store/rest/a.ts", "../s3/b.ts", /rest imports s3/],
    ["store/s3/credentials/a.ts", "../s3_store.ts", /credentials imports s3_store\.ts/],
    ["store/misc/a.ts", "../store.ts", /src\/store\/misc has no step/],
    ["chunker/room/a.ts", "../gear.ts", /src\/chunker\/room has no step/],
  ];
  for (const [importer, specifier, message] of refused) {
    assert.match(messages(`src/${importer}`, `import "${specifier}"`)[0]!, message, `${importer} imports ${specifier}`);
  }
});

Deno.test("layers leaves tests and scripts alone", () => {
  assert.deepEqual(messages("tests/store/a_test.ts", `import "../../src/cli/run.ts"; import "../helpers/a.ts";`), []);
  assert.deepEqual(messages("scripts/bench/a.ts", `import "../../src/ops/put.ts";`), []);
});

Deno.test("edge reports clock, randomness, environment, exit and console, however they are spelled", () => {
  const spelled: [source: string, reported: string][] = [
    ["Date.now()", "Date.now"],
    ["const t = Date.now;", "Date.now"],
    ["new Date()", "new Date()"],
    ["new globalThis.Date", "new globalThis.Date"],
    ["Date()", "Date()"],
    ["Temporal.Now.instant()", "Temporal.Now"],
    ["Math.random()", "Math.random"],
    [`Deno.env.get("HOME")`, "Deno.env"],
    [`Deno["env"]`, `Deno["env"]`],
    ["globalThis.Deno.exit(1)", "globalThis.Deno.exit"],
    ["const { env } = Deno;", "env"],
    ["const { random: dice } = Math;", "random"],
    ["process.env.HOME", "process.env"],
    ["process.exit()", "process.exit"],
    [`console.log("x")`, "console.log"],
    [`globalThis.console.error("x")`, "globalThis.console.error"],
  ];
  for (const [source, name] of spelled) assert.deepEqual(reported("edge", "src/ops/put.ts", source), [name], source);
});

Deno.test("edge lets pure uses pass", () => {
  const source =
    `new Date(0); new Date(text); Date.UTC(2020, 1); Math.floor(1); Deno.open("x"); clock.now(); options.env;`;
  assert.deepEqual(reported("edge", "src/ops/put.ts", source), []);
});

Deno.test("edge binds src/ except the files at the edge", () => {
  for (
    const path of ["src/cli/put.ts", "src/main.ts", "src/base/clock.ts", "tests/a_test.ts", "scripts/build/main.ts"]
  ) {
    assert.deepEqual(reported("edge", path, "Date.now()"), [], path);
  }
  for (const path of ["src/mod.ts", "src/base/text/size.ts", "src/worker.ts", "src/client/a.ts"]) {
    assert.deepEqual(reported("edge", path, "Date.now()"), ["Date.now"], path);
  }
});
