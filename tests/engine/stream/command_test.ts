/** Commands as sources: what becomes of their words, and of what they started. */
import { strict as assert } from "node:assert";
import { commandSource, shellSource } from "../../../src/engine/stream/command.ts";
import { SourceError } from "../../../src/base/errors.ts";
import { concat, macrotask } from "../../helpers/world.ts";

/** Takes words as slowly as a terminal that somebody scrolls. */
class SlowTaker {
  readonly #pieces: Uint8Array[] = [];

  get bytes(): Uint8Array {
    return concat(this.#pieces);
  }

  readonly take = async (bytes: Uint8Array): Promise<void> => {
    for (let i = 0; i < 20; i++) await macrotask();
    this.#pieces.push(bytes);
  };
}

async function readAll(source: { read(target: Uint8Array): Promise<number | null> }): Promise<string> {
  const target = new Uint8Array(65536);
  let text = "";
  for (let count = await source.read(target); count !== null; count = await source.read(target)) {
    text += new TextDecoder().decode(target.subarray(0, count));
  }
  return text;
}

Deno.test("every byte of a command's words is passed on by the time it is judged, whether it failed or not", async () => {
  for (const code of [0, 7]) {
    const taker = new SlowTaker();
    const script = `echo kept; exec >&-; head -c 60000 /dev/zero >&2; printf '\\377\\033[1mend' >&2; exit ${code}`;
    const source = commandSource(["sh", "-c", script], { onStderr: taker.take });
    assert.equal(await readAll(source), "kept\n");
    if (code === 0) await source.ended();
    else await assert.rejects(source.ended(), SourceError);
    assert.equal(taker.bytes.length, 60_000 + 8);
    assert.deepEqual([...taker.bytes.subarray(-8)], [0xff, 0x1b, ...new TextEncoder().encode("[1mend")]);
    await source.cancel();
  }
});

Deno.test("what a command says when it is stopped is passed on, too", async () => {
  const taker = new SlowTaker();
  const script = "trap 'echo stopped >&2; exit 1' TERM; echo begun; while :; do sleep 0.01; done";
  const source = commandSource(["sh", "-c", script], { onStderr: taker.take });
  await source.read(new Uint8Array(16));
  await source.cancel();
  // A shell may also tell that what it waited for was ended.
  assert.match(new TextDecoder().decode(taker.bytes), /^(?:Terminated\n)?stopped\n$/);
});

Deno.test("who writes on in the background keeps nobody waiting", async () => {
  const source = commandSource(["sh", "-c", "yes >&2 & echo $!"], { onStderr: () => Promise.resolve() });
  const pid = Number(await readAll({ read: (target) => source.read(target) }));
  await source.ended();
  await source.cancel();
  try {
    Deno.kill(pid, "SIGKILL");
  } catch {
    // Its words broke off, and so did it.
  }
});

Deno.test("words that nobody can take stop nothing", async () => {
  const refuse = () => Promise.reject(new Error("the terminal is gone"));
  const source = commandSource(["sh", "-c", "head -c 300000 /dev/zero >&2; echo kept"], { onStderr: refuse });
  assert.equal(await readAll(source), "kept\n");
  await source.ended();
  await source.cancel();
});

Deno.test("a cancelled command of the shell ends with what it started", async () => {
  const source = shellSource("sleep 1000 & echo $!; cat", { stream: "shop.sql" });
  const target = new Uint8Array(64);
  const count = await source.read(target);
  const grandchild = new TextDecoder().decode(target.subarray(0, count!)).trim();
  // An empty standard input has ended `cat`, and the shell; the sleeper still holds the pipe.
  await source.cancel();
  await assert.rejects(Deno.stat(`/proc/${grandchild}/exe`), Deno.errors.NotFound);
});

Deno.test("a failed command of the shell is named by its stream and its program, never by its arguments", async () => {
  const failing = [
    [
      "mysqldump-less -psecret shop",
      /^The command of shop\.sql \(mysqldump-less …\) exited with 12[67]: .+; nothing/,
    ],
    ["PASSWORD='my secret' sh -c 'exit 3'", /^The command of shop\.sql exited with 3; nothing was committed$/],
    ["kill -9 $$", /^The command of shop\.sql \(kill …\) was ended by SIGKILL; nothing was committed$/],
  ] as const;
  for (const [command, message] of failing) {
    const source = shellSource(command, { stream: "shop.sql" });
    assert.equal(await readAll(source), "");
    await assert.rejects(source.ended(), (error: Error) => {
      assert.ok(error instanceof SourceError);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
    await source.cancel();
  }
});
