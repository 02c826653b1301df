/** Passwords in the arguments of a process: which bytes are one, and that the list of processes does not show them. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { hidePasswords, passwordsIn } from "../../../src/cli/process/hidden_arguments.ts";

function found(...args: string[]): string[] {
  const bytes = new TextEncoder().encode(args.map((arg) => `${arg}\0`).join(""));
  return passwordsIn(bytes).map(({ at, length }) => new TextDecoder().decode(bytes.subarray(at, at + length)));
}

Deno.test("the password of each URL is found, and nothing else", () => {
  deepEqual(found("agent", "put", "mysql://u:pä@ss:w@h:3306/a:b@c", "-r", "rest:http://u:two@h:8000/x"), [
    "pä@ss:w",
    "two",
  ]);
  deepEqual(found("tables:mysql://:three@h/?table=a"), ["three"]);
  deepEqual(found("postgresql://u:a?b@h/d", "postgresql:///d?user=u&password=six&x=y"), ["a?b", "six"]);
  deepEqual(found("mysql://u@h:3306/d", "http://h:80/x@y", "tar:/a:b@c", "//u:", "p@h", "mysql://h/x:y@z"), []);
});

Deno.test({
  name: "the list of processes does not show a password once it is hidden",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const module = new URL("../../../src/cli/process/hidden_arguments.ts", import.meta.url);
    const code = `import { hidePasswords } from ${JSON.stringify(module.href)};
      const read = () => Deno.readFileSync("/proc/self/cmdline");
      hidePasswords(read(), Deno.readTextFileSync("/proc/self/stat"));
      console.log(JSON.stringify([Deno.args.at(-1), new TextDecoder().decode(read())]));`;
    await using script = {
      path: await Deno.makeTempFile({ suffix: ".ts" }),
      [Symbol.asyncDispose]: () => Deno.remove(script.path),
    };
    await Deno.writeTextFile(script.path, code);
    const args = ["run", "--no-config", "--allow-all", script.path, "mysql://u:SECRET@h/db"];
    const { stdout } = await new Deno.Command(Deno.execPath(), { args }).output();
    const [arg, shown] = JSON.parse(new TextDecoder().decode(stdout));
    equal(arg, "mysql://u:SECRET@h/db");
    ok(shown.endsWith("\0mysql://u:xxxxxx@h/db\0"), shown);
  },
});

Deno.test("a system without the list is left alone", () => {
  hidePasswords(undefined, "1 (a) S");
  hidePasswords(new TextEncoder().encode("mysql://u:p@h\0"), "1 (a b) S 1");
});
