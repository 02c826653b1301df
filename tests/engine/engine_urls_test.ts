/** URLs of sources and targets: taken apart, and brought to their engine. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { BugError, UsageError } from "../../src/base/errors.ts";
import { builtInEngines } from "../../src/engine/built_in.ts";
import type { Engine, EngineUrl } from "../../src/engine/engine.ts";
import { EngineRegistry, parseEngineUrl, withoutPassword } from "../../src/engine/engine_urls.ts";
import { Memory, memoryEngine } from "./memory_engine.ts";

const scheme = fc.stringMatching(/^[a-z][a-z0-9+.-]{1,10}$/);
const text = fc.string({ unit: "binary", maxLength: 20 }).filter((one) => one.isWellFormed());
const parameters = fc.array(fc.tuple(text.filter((name) => name !== ""), text), { maxLength: 4 });

Deno.test("what is encoded comes back, whatever place and parameters contain", () => {
  fc.assert(
    fc.property(scheme, text, parameters, (scheme, place, pairs) => {
      const query = pairs.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join("&");
      const text = `${encodeURIComponent(place)}${query && `?${query}`}`;
      const url = parseEngineUrl(`${scheme.toUpperCase()}:${text}`)!;
      const expected = new Map<string, string[]>();
      for (const [name, value] of pairs) expected.set(name, [...expected.get(name) ?? [], value]);
      assert.deepEqual(url, { scheme, place, text, parameters: expected });
    }),
    { seed: 1 },
  );
});

Deno.test("a path needs no encoding unless it has a question mark or a percent sign with digits", () => {
  const path = fc.stringMatching(/^\/[^?%]{0,30}$/).filter((one) => one.isWellFormed());
  fc.assert(
    fc.property(path, (place) => {
      assert.deepEqual(parseEngineUrl(`tar:${place}`), { scheme: "tar", place, text: place, parameters: new Map() });
    }),
    { seed: 2 },
  );
  assert.equal(parseEngineUrl("tar:/100 %/a%zz+b")!.place, "/100 %/a%zz+b");
  assert.equal(parseEngineUrl("tar:/a%3Fb?exclude=c")!.place, "/a?b");
});

Deno.test("parameters may be empty, come again, and contain equals signs", () => {
  assert.deepEqual(
    parseEngineUrl("tar:/a?one-file-system&exclude=a=b&&exclude=*.tmp")!.parameters,
    new Map([["one-file-system", [""]], ["exclude", ["a=b", "*.tmp"]]]),
  );
});

Deno.test("a path has no scheme, and bytes that are no UTF-8 are refused", () => {
  for (const path of ["/srv/files", "files", "./tar:x", "C:files", "", ":x", "1a:x"]) {
    assert.equal(parseEngineUrl(path), undefined, path);
  }
  assert.throws(() => parseEngineUrl("tar:/%ff"), UsageError);
});

Deno.test("an unknown scheme and an unknown parameter are refused, the nearest named", () => {
  const registry = builtInEngines({ environment: {} });
  const cases = [
    ["tra:/srv", /^Unknown kind of source "tra"; did you mean "tar"\?$/],
    ["binlog://x", /^Unknown kind of source "binlog"; known are (?:[a-z]+:, )*tar:$/],
    ["/srv/files", /^Not a source: .* does not begin with the engine for it, as tar:\/srv\/files does$/],
    ["tar:/srv?exlude=x", /^tar: has no parameter "exlude"; did you mean "exclude"\?$/],
    ["tar:", /names no directory; write tar:PATH/],
    ["tar:/srv?dereference=hrad", /dereference cannot be "hrad"; did you mean "hard"\?$/],
    ["tar:/srv?dereference=links", /it is one of none, soft, hard, all$/],
    ["tar:/srv?dereference", /dereference cannot be ""; it is one of/],
    ["tar:/srv?one-file-system=perhaps", /it is one of yes, no$/],
    ["tar:/srv?dereference=soft&dereference=hard", /dereference is given twice/],
    ["tar:/srv?exclude=", /exclude is empty/],
    ["tar:/srv?owner=names", /owner is only for get --into/],
  ] as const;
  for (const [url, message] of cases) {
    assert.throws(() => registry.source(url), (error: Error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, message);
      return true;
    });
  }
  assert.throws(() => registry.target("tar:/srv?exclude=x"), /exclude is only for put/);
});

Deno.test("the options of tar are in the manifest, the path absolute", () => {
  const { driver, name } = builtInEngines({ environment: {} }).source(
    "TAR:/srv/../etc?exclude=b&exclude=a&dereference=all&one-file-system",
  );
  assert.equal(name, "tar");
  assert.deepEqual(driver.options, { path: "/etc", exclude: ["b", "a"], dereference: "all", oneFileSystem: true });
});

Deno.test("a program can register an engine, once, and one that reads or writes only", () => {
  const registry = new EngineRegistry();
  const { target: _target, ...readOnly }: Engine = memoryEngine(new Memory());
  const { source: _source, ...writeOnly }: Engine = memoryEngine(new Memory());
  registry.register("reads", readOnly);
  registry.register("writes", writeOnly);
  assert.throws(() => registry.register("reads", readOnly), BugError);
  for (const scheme of ["", "x", "Upper", "1st", "a b"]) {
    assert.throws(() => registry.register(scheme, readOnly), BugError);
  }
  assert.equal(registry.get("reads"), readOnly);
  assert.equal(registry.get("other"), undefined);
  assert.throws(() => registry.target("reads:x"), /it is a source only$/);
  assert.throws(() => registry.source("writes:x"), /it is a target only$/);
});

Deno.test("an engine may have several schemes, and one name", () => {
  const registry = new EngineRegistry();
  const engine = memoryEngine(new Memory());
  registry.register("one", engine, ["uno", "eins"]);
  assert.equal(registry.source("eins:x").name, "one");
  assert.equal(registry.target("UNO:x").name, "one");
  assert.equal(registry.get("uno"), engine);
  assert.throws(() => registry.register("two", engine, ["eins"]), BugError);
});

Deno.test("a URL in a message has no password", () => {
  const registry = builtInEngines({ environment: {} });
  for (const url of ["//root:SECRET@h/x", "//r:SECRET/SECRET@h", "//r:SECRET@SECRET@h/"]) {
    assert.throws(() => registry.source(url), (error: Error) => {
      assert.match(error.message, /^Not a source: "\/\/r(?:oot)?:\*\*\*@h/);
      assert.doesNotMatch(error.message, /SECRET/);
      return true;
    });
  }
  assert.equal(withoutPassword("postgres:///d?password=SECRET&x=y"), "postgres:///d?password=***&x=y");
});

Deno.test("an engine that knows its parameters itself gets all of them", () => {
  const registry = new EngineRegistry();
  registry.register("any", { ...memoryEngine(new Memory()), parameters: "any" });
  assert.doesNotThrow(() => registry.source("any:x?surprise=1"));
});

Deno.test("an engine gets its URL as it was written", () => {
  const seen: EngineUrl[] = [];
  const registry = new EngineRegistry();
  registry.register("spy", {
    ...memoryEngine(new Memory()),
    parameters: ["p"],
    source(url) {
      seen.push(url);
      return memoryEngine(new Memory()).source!(url);
    },
  });
  registry.source("spy://user:p%40ss@host/db?p=1");
  const text = "//user:p%40ss@host/db?p=1";
  assert.deepEqual(seen, [{ scheme: "spy", place: "//user:p@ss@host/db", text, parameters: new Map([["p", ["1"]]]) }]);
});

Deno.test("a registry that builds on another one leaves that as it is", () => {
  const base = new EngineRegistry();
  const engine: Engine = { version: "1", replays: false, parameters: [] };
  base.register("shelf", engine, ["board"]);
  const registry = new EngineRegistry(base);
  registry.register("drawer", engine);
  assert.deepEqual([registry.get("board"), registry.get("drawer"), base.get("drawer")], [engine, engine, undefined]);
  assert.deepEqual([registry.schemes, base.schemes], [["board", "drawer", "shelf"], ["board", "shelf"]]);
  assert.throws(() => registry.register("board", engine), BugError);
});
