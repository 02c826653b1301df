/** Both forms of the executable are built and are the program in one file. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { programTest } from "../helpers/programs.ts";
import { buildHello, checkExecutable, runProgram } from "./hello_project.ts";

async function namesIn(folder: string): Promise<string[]> {
  const names = [];
  for await (const { name } of Deno.readDir(folder)) names.push(name.replace(/-[0-9a-f]{16}$/, "-ID"));
  return names.sort();
}

Deno.test("the self-extracting form is the program in one file", async (test) => {
  await using hello = await buildHello({ form: "self-extracting" });
  const cache = join(hello.folder, "cache");
  const env = { XDG_CACHE_HOME: cache, HOME: "", TMPDIR: join(hello.folder, "absent"), DENO_DIR: "/caller" };
  const tunables = "glibc.malloc.hugetlb=0";

  await test.step("the build says which form it made", () => {
    assert.match(hello.said, /agent: self-extracting, .* \(as asked for\)/);
  });

  await test.step("starts that unpack at the same time all succeed and leave nothing over", async () => {
    const starts = await Promise.all([1, 2, 3].map((n) => runProgram(hello.path, ["args", `${n}`], { env })));
    assert.deepEqual(starts, [1, 2, 3].map((n) => ({ code: 0, stdout: `["${n}"]\n`, stderr: "" })));
    assert.deepEqual(await namesIn(join(cache, "agent-runtime")), ["deno-ID", "deno-dir", "program-ID"]);
    assert.equal((await Deno.stat(join(cache, "agent-runtime"))).mode! & 0o777, 0o700);
  });

  await test.step("the program knows its form and version", async () => {
    const { stdout } = await runProgram(hello.path, ["version"], { env });
    assert.deepEqual(JSON.parse(stdout), { form: "self-extracting", version: "9.8.7" });
  });

  await test.step("arguments, streams, signals, exit codes and threads work", () => checkExecutable(hello.path, env));

  await test.step("commands that the program starts get the caller's environment", async () => {
    assert.equal((await runProgram(hello.path, ["env", "DENO_DIR"], { env })).stdout, "/caller\n");
    const own = { ...env, GLIBC_TUNABLES: tunables };
    assert.equal((await runProgram(hello.path, ["env", "GLIBC_TUNABLES"], { env: own })).stdout, `${tunables}\n`);
    for (const name of ["GLIBC_TUNABLES", "AGENT_CALLER_DENO_DIR", "AGENT_CALLER_GLIBC_TUNABLES"]) {
      assert.equal((await runProgram(hello.path, ["env", name], { env })).stdout, "unset\n");
    }
  });

  await test.step("a file that a cleaner took away is unpacked again", async () => {
    for await (const { name } of Deno.readDir(join(cache, "agent-runtime"))) {
      if (name.startsWith("program-")) await Deno.remove(join(cache, "agent-runtime", name, "worker.js"));
    }
    assert.equal((await runProgram(hello.path, ["thread"], { env })).stdout, "ping pong\n");
  });

  await test.step("a directory that is only linked to is not trusted", async () => {
    const linked = join(hello.folder, "linked");
    await Deno.mkdir(linked);
    await Deno.symlink(join(cache, "agent-runtime"), join(linked, "agent-runtime"));
    const { code, stderr } = await runProgram(hello.path, ["version"], { env: { ...env, XDG_CACHE_HOME: linked } });
    assert.equal(code, 1);
    assert.match(stderr, /^agent: Cannot unpack the runtime; .*linked is not a directory of this user's: set .*\n$/);
  });

  await test.step("a damaged file never starts", async () => {
    const damaged = join(hello.folder, "damaged");
    const bytes = await Deno.readFile(hello.path);
    bytes[bytes.length >> 1]! ^= 1;
    await Deno.writeFile(damaged, bytes, { mode: 0o755 });
    const fresh = join(hello.folder, "fresh");
    const { code, stderr } = await runProgram(damaged, ["version"], { env: { ...env, AGENT_RUNTIME_DIR: fresh } });
    assert.equal(code, 1);
    assert.match(stderr, /damaged/);
    assert.deepEqual(await namesIn(join(fresh, "agent-runtime")), []);
  });
});

programTest({
  name: "the compiled form is the program in one file",
  needs: ["deno-with-denort"],
  async fn({ "deno-with-denort": deno }, test) {
    const denort = join(dirname(deno), "denort");
    await using hello = await buildHello({
      form: "compiled",
      deno,
      env: { DENORT_BIN: denort, DENO_TLS_CA_STORE: "system" },
    });
    const shared = join(hello.folder, "shared");
    await Deno.mkdir(shared);

    await test.step("the build says which form it made and where the runtime came from", () => {
      assert.match(hello.said, /agent: compiled, /);
      assert.ok(hello.said.includes(denort), hello.said);
    });

    await test.step("the program knows its form and version", async () => {
      const { stdout } = await runProgram(hello.path, ["version"], { env: { TMPDIR: shared } });
      assert.deepEqual(JSON.parse(stdout), { form: "compiled", version: "9.8.7" });
    });

    await test.step("arguments, streams, signals, exit codes and threads work", () => {
      return checkExecutable(hello.path, { TMPDIR: shared });
    });

    await test.step("nothing is kept in the shared temporary directory", async () => {
      assert.deepEqual(await namesIn(shared), []);
    });
  },
});
