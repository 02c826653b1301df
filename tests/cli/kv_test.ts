/** `agent kv`: values set as JSON, text or bytes, what comes back, versions, passwords, and what is refused. */
import { deepEqual, doesNotMatch, equal, match } from "node:assert/strict";
import { join } from "node:path";
import { ExitCode } from "../../src/base/errors.ts";
import { Desk } from "./desk.ts";

/** What a command prints, once it succeeded. */
async function printed(desk: Desk, args: readonly string[], around: Parameters<Desk["run"]>[1] = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await desk.run(args, around);
  equal(exitCode, ExitCode.done, `${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** Asserts that a command is refused with this exit code and message, and prints nothing. */
async function refused(
  desk: Desk,
  args: readonly string[],
  [code, pattern]: readonly [ExitCode, RegExp],
  around: Parameters<Desk["run"]>[1] = {},
): Promise<void> {
  const { exitCode, stdout, stderr } = await desk.run(args, around);
  match(stderr, pattern, args.join(" "));
  deepEqual([exitCode, stdout], [code, ""], args.join(" "));
}

Deno.test("kv set takes JSON, text or bytes, as an argument, from a file or from standard input", async () => {
  await Desk.with(async (desk) => {
    const file = join(desk.directory, "value");
    await Deno.writeTextFile(file, ' {"from": "a file"}\n');
    await printed(desk, ["kv", "set", "json", '{"port": 8080, "-0": -0}']);
    await printed(desk, ["kv", "set", "piped"], { stdin: "[1, 2]\n" });
    await printed(desk, ["kv", "set", "filed", "--file", file]);
    await printed(desk, ["kv", "set", "lines", "--string"], { stdin: "one\ntwo\n" });
    await printed(desk, ["kv", "set", "raw", "--bytes", "--no-compress"], { stdin: "any\0thing" });

    equal(await printed(desk, ["kv", "get", "json"]), '{"port":8080,"-0":-0}\n');
    equal(await printed(desk, ["kv", "get", "piped"]), "[1,2]\n");
    equal(await printed(desk, ["kv", "get", "filed", "--raw"]), '{"from":"a file"}');
    equal(await printed(desk, ["kv", "get", "lines"]), '"one\\ntwo\\n"\n');
    equal(await printed(desk, ["kv", "get", "lines", "--raw"]), "one\ntwo\n");
    equal(await printed(desk, ["kv", "get", "raw"]), "any\0thing");

    const kinds = (await desk.json("kv", "ls")).map(({ key, kind, series }) => [key, kind, series]);
    deepEqual(kinds, [
      ["filed", "json", "kv/filed"],
      ["json", "json", "kv/json"],
      ["lines", "json", "kv/lines"],
      ["piped", "json", "kv/piped"],
      ["raw", "bytes", "kv/raw"],
    ]);
    const [got] = await desk.json("kv", "get", "raw");
    deepEqual([got!["key"], got!["base64"], got!["protected"]], ["raw", "YW55AHRoaW5n", false]);
    const [json] = await desk.json("kv", "get", "piped");
    deepEqual(json!["value"], [1, 2]);
  });
});

Deno.test("kv set --all sets all keys of an object in one commit", async () => {
  await Desk.with(async (desk) => {
    const stdin = JSON.stringify({ "app/port": 8080, "app/me@example.org": null, ["__proto__"]: [] });
    const { stderr } = await desk.run(["kv", "set", "--all", "-"], { stdin });
    match(stderr, /Set 3 values/);
    deepEqual((await desk.json("kv", "ls", "app/")).map(({ key, versions }) => [key, versions]), [
      ["app/me@example.org", 1],
      ["app/port", 1],
    ]);
    equal(await printed(desk, ["kv", "get", "__proto__"]), "[]\n");
    equal(await printed(desk, ["kv", "get", "app/me@example.org"]), "null\n");
    equal(await printed(desk, ["kv", "get", "app/me@example.org@latest"]), "null\n");
  });
});

Deno.test("a version is named behind the last @, and history lists all", async () => {
  await Desk.with(async (desk) => {
    for (const version of ["1", "2", "3"]) await printed(desk, ["kv", "set", "k", version]);
    const versions = await desk.json("kv", "history", "k");
    equal(versions.length, 3);
    deepEqual(versions.map(({ key, series }) => [key, series])[0], ["k", "kv/k"]);
    equal(await printed(desk, ["kv", "get", `k@${String(versions[0]!["id"]).slice(0, 8)}`]), "1\n");
    equal(await printed(desk, ["kv", "get", `k@${versions[1]!["started"]}`]), "2\n");
    equal(await printed(desk, ["kv", "get", "k"]), "3\n");
    await refused(desk, ["kv", "get", "k@2020-01-01"], [ExitCode.usage, /had no value/]);
    await refused(desk, ["kv", "history", "other"], [ExitCode.usage, /There is no key "other"/]);
  });
});

Deno.test("kv get of an absent key exits with 2, or prints a default", async () => {
  await Desk.with(async (desk) => {
    await refused(desk, ["kv", "get", "k"], [ExitCode.usage, /There is no key "k"; "agent kv ls"/]);
    equal(await printed(desk, ["kv", "get", "k", "--default", '{"a": 1}']), '{"a":1}\n');
    equal(await printed(desk, ["kv", "get", "k", "--default", '"text"', "--raw"]), "text");
    deepEqual((await desk.json("kv", "get", "k", "--default", "1"))[0], {
      key: "k",
      id: null,
      snapshot: null,
      started: null,
      protected: false,
      value: 1,
    });
    await refused(desk, ["kv", "get", "k", "--default", "text"], [ExitCode.usage, /--default is not JSON/]);
  });
});

Deno.test("kv rm removes keys with all versions, and says which ones were not there", async () => {
  await Desk.with(async (desk) => {
    await printed(desk, ["kv", "set", "--all", "-"], { stdin: '{"a": 1, "a/b": 1, "c": 1}' });
    await printed(desk, ["kv", "set", "a", "2"]);
    const { exitCode, stderr } = await desk.run(["kv", "rm", "a", "absent", "c"]);
    equal(exitCode, ExitCode.usage);
    match(stderr, /Removed "a" with 2 versions\nRemoved "c" with 1 version\n.*There is no key "absent"/);
    deepEqual((await desk.json("kv", "ls")).map(({ key }) => key), ["a/b"]);
    const [removed] = await desk.json("kv", "rm", "a/b");
    deepEqual([removed!["key"], typeof removed!["session"]], ["a/b", "string"]);
    const none = await desk.run(["kv", "ls"]);
    deepEqual([none.stdout, none.stderr], ["", "There are no keys\n"]);
  });
});

Deno.test("a value has a password of its own: from a file, a command, a variable or the terminal", async () => {
  await Desk.with(async (desk) => {
    const file = join(desk.directory, "values.password");
    await Deno.writeTextFile(file, "of the values\n");
    await printed(desk, ["kv", "set", "token", "--string", "--value-password-file", file], { stdin: "hunter2" });
    await printed(desk, ["kv", "set", "plain", "1"]);

    const env = { AGENT_VALUE_PASSWORD: "of the values" };
    const get = ["kv", "get", "token", "--raw"];
    equal(await printed(desk, [...get, "--value-password-file", file]), "hunter2");
    equal(await printed(desk, [...get, "--value-password-command", "echo of the values"]), "hunter2");
    equal(await printed(desk, get, { env }), "hunter2");
    equal(await printed(desk, get, { answers: ["of the values"] }), "hunter2");
    equal((await desk.json("kv", "ls", "token"))[0]!["kind"], "protected");

    const wrong = ["kv", "get", "token", "--value-password-command", "echo another"];
    await refused(desk, wrong, [ExitCode.wrongPassword, /Wrong password for the value of "token"/]);
    await refused(desk, get, [ExitCode.usage, /use --value-password-file or set AGENT_VALUE_PASSWORD/]);
    await refused(desk, ["kv", "get", "plain"], [ExitCode.usage, /"plain" has no password of its own/], { env });
    doesNotMatch(await printed(desk, ["get", "kv/token"]), /hunter2/);
  });
});

Deno.test("kv url prints a URL of the value that the key has at this moment", async () => {
  await Desk.with(async (desk) => {
    await printed(desk, ["kv", "set", "app/me@example.org", "1"]);
    const [version] = await desk.json("kv", "history", "app/me@example.org");
    const url = ["kv", "url", "app/me@example.org", "--expires", "60s"];
    const { exitCode, stdout, stderr } = await desk.run(url);
    equal(exitCode, ExitCode.done, stderr);
    equal(new URL(stdout.trim()).pathname, `/${version!["snapshot"]}/value/value.json`);
    match(stderr, /^It gives the value of "app\/me@example\.org" to whoever has it, until /);
    deepEqual((await desk.json(...url)).map(({ kind, series }) => [kind, series]), [
      ["value", "kv/app/me%40example.org"],
    ]);
    await refused(desk, ["kv", "url", "absent", "--expires", "60s"], [ExitCode.usage, /There is no key "absent"/]);
    await refused(desk, ["kv", "url", "app/me@example.org"], [ExitCode.usage, /--expires 60s/]);
  });
});

Deno.test("what makes no sense is refused, and nothing of a value is shown", async () => {
  await Desk.with(async (desk) => {
    const usage = ExitCode.usage;
    await refused(desk, ["kv", "set", "k", "hunter2"], [usage, /VALUE is not JSON; a text needs quotes/]);
    await refused(desk, ["kv", "set", "k"], [usage, /The value is not JSON/], { stdin: "{'a': 1}" });
    await refused(desk, ["kv", "set", "k", "12345678901234567890"], [
      usage,
      /VALUE has a number that would be rounded/,
    ]);
    await refused(desk, ["kv", "set", "k", "1e999"], [usage, /rounded to Infinity/]);
    await refused(desk, ["kv", "set"], [usage, /There is no key: name one/]);
    await refused(desk, ["kv", "set", "", "1"], [usage, /Not a key: ""/]);
    await refused(desk, ["kv", "set", "k", "1", "--file", "x"], [usage, /given twice/]);
    await refused(desk, ["kv", "set", "k", "1", "--bytes"], [usage, /leave VALUE out/]);
    await refused(desk, ["kv", "set", "k", "--bytes", "--string"], [usage, /not both/]);
    await refused(desk, ["kv", "set", "k", "--all", "-"], [usage, /without KEY/]);
    await refused(desk, ["kv", "set", "--all", "-"], [usage, /no JSON object/], { stdin: "[1]" });
    await refused(desk, ["kv", "set", "--all", "-"], [usage, /nothing to set/], { stdin: "{}" });
    await refused(desk, ["kv", "set", "k", "--file", join(desk.directory, "absent")], [
      ExitCode.failed,
      /There is no value file/,
    ]);
    deepEqual(await desk.json("ls"), []);
  });
});

Deno.test("on a terminal, values cannot control it, and bytes that are no text are refused", async () => {
  await Desk.with(async (desk) => {
    await printed(desk, ["kv", "set", "k", "--string", "a\u009b31mb"]);
    await printed(desk, ["kv", "set", "b", "--bytes"], { stdin: "\0\x01\x02" });
    doesNotMatch((await desk.run(["kv", "get", "k"], { terminal: 80 })).stdout, /\u009b/);
    await refused(desk, ["kv", "get", "b"], [ExitCode.usage, /Refusing to write binary data/], { terminal: 80 });
    const table = await printed(desk, ["kv", "ls"]);
    match(table, /^KEY +KIND +SIZE +SET +VERSIONS\nb +bytes +3 B/);
  });
});
