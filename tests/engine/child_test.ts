/** Programs that engines run: their groups, their words, their ends. */
import assert from "node:assert/strict";
import { Child, type ChildRequest } from "../../src/engine/child.ts";
import { groupLives } from "../../src/engine/process_group.ts";
import { AgentError } from "../../src/base/errors.ts";
import { concat } from "../helpers/world.ts";

/** Starts a shell in a group of its own. */
function shell(script: string, request: Partial<ChildRequest> = {}): Child {
  const base = { program: "sh", args: ["-c", script], stdin: "null", ownGroup: true, stderr: {} } as const;
  return Child.start({ ...base, ...request });
}

async function firstLine(child: Child): Promise<string> {
  const target = new Uint8Array(256);
  let text = "";
  while (!text.includes("\n")) text += new TextDecoder().decode(target.subarray(0, (await child.output.read(target))!));
  return text.trim();
}

function isThere(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch {
    return false;
  }
}

Deno.test("a stopped program ends with all that it started, even what ignores SIGTERM or outlived it", async () => {
  const scripts = [
    "sleep 1000 & echo $!; wait",
    "sh -c 'trap \"\" TERM; echo $$; while :; do sleep 1000; done' & wait",
    "sh -c 'trap \"\" TERM; echo $$; while :; do sleep 1000; done' & exit 3",
  ];
  for (const script of scripts) {
    const child = shell(script);
    const grandchild = Number(await firstLine(child));
    assert.ok(isThere(grandchild));
    await child.stop();
    assert.ok(!isThere(grandchild) && !isThere(child.pid) && !groupLives(child.pid), script);
    await child.stop();
  }
});

Deno.test("what a program left running that succeeded is left alone", async () => {
  const child = shell("sleep 1000 >&- 2>&- & echo $!");
  const grandchild = Number(await firstLine(child));
  assert.deepEqual(await child.exit(), { success: true, code: 0, signal: null });
  await child.stop();
  assert.ok(isThere(grandchild));
  Deno.kill(grandchild, "SIGKILL");
});

Deno.test("a program without a group of its own stays in the session of this process", async () => {
  const sessionOf = (pid: number | "self") =>
    Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ").at(-1)!.split(" ")[3];
  for (const ownGroup of [true, false]) {
    const child = shell("echo; exec sleep 1000", { ownGroup });
    await firstLine(child);
    assert.equal(sessionOf(child.pid), ownGroup ? String(child.pid) : sessionOf("self"));
    await child.stop();
    assert.ok(!isThere(child.pid));
  }
});

Deno.test("the last lines that a program said are kept, a few of them, and harmless to a terminal", async () => {
  const child = shell("seq 1 5000 >&2; printf 'bad \\033[31mred\\tname\\n\\n' >&2; exit 2");
  assert.deepEqual(await child.exit(), { success: false, code: 2, signal: null });
  assert.deepEqual(child.lastLines.slice(-3), ["4999", "5000", "bad  [31mred name"]);
  assert.equal(child.lastLines.length, 10);
  await child.stop();

  const long = shell("head -c 100000 /dev/zero | tr '\\0' x >&2");
  await long.exit();
  assert.equal(long.lastLines.join("").length, 2048);
  await long.stop();
});

Deno.test("whole lines stay whole, however they are written", async () => {
  const pieces: Uint8Array[] = [];
  const take = (bytes: Uint8Array) => Promise.resolve(void pieces.push(bytes.slice()));
  const child = shell("for i in 1 2 3; do printf a >&2; sleep 0.01; printf 'b\\n' >&2; done; printf end >&2", {
    stderr: { take, wholeLines: true },
  });
  await child.exit();
  await child.stop();
  assert.ok(pieces.every((piece) => piece.at(-1) === 0x0a));
  assert.equal(new TextDecoder().decode(concat(pieces)), "ab\nab\nab\nend\n");
});

Deno.test("bytes go to a program as fast as it reads, and it tells when it reads no more", async () => {
  const child = shell("head -c 3 >&2; exit 4", { stdin: "piped" });
  const shared = new Uint8Array(new SharedArrayBuffer(3)).fill(0x41);
  assert.ok(await child.write(shared));
  const { code } = await child.exit();
  assert.equal(code, 4);
  assert.equal(await child.write(new Uint8Array(1 << 20)), false);
  assert.deepEqual(child.lastLines, ["AAA"]);
  await child.stop();

  const idle = shell("exec sleep 1000", { stdin: "piped" });
  const writing = idle.write(new Uint8Array(1 << 20));
  assert.equal(await Promise.race([writing, Promise.resolve("waits")]), "waits");
  await idle.stop();
  assert.equal(await writing, false);
});

Deno.test("a program that is not there is named", () => {
  assert.throws(
    () => shell("", { program: "no-such-program" }),
    (error: Error) => error instanceof AgentError && /"no-such-program": there is no such program/.test(error.message),
  );
});
