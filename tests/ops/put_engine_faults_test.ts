/** Puts of an engine that fails or is interrupted: nothing is committed, and the engine is cancelled. */
import assert from "node:assert/strict";
import type { JudgedSource } from "../../src/base/byte_source.ts";
import { InterruptedError, SourceError } from "../../src/base/errors.ts";
import type { EngineItem } from "../../src/engine/engine.ts";
import { withFaults } from "../helpers/fault_store.ts";
import { BytesSource, copyOf, fakeWorld, namesOf, noise } from "../helpers/world.ts";
import { JournalEngine, streamItem } from "../helpers/journal_engine.ts";
import { HOUR_MS, JournalScene } from "./put_engine_scene.ts";
import { thrownBy } from "../helpers/thrown.ts";

Deno.test("wherever an engine fails, nothing is committed, and it is cancelled", async (test) => {
  const reason = new SourceError("the engine failed, on purpose");
  const fail = () => Promise.reject(reason);
  const broken: JudgedSource = { read: fail, cancel: () => Promise.resolve(), ended: fail };
  const places: [string, JournalEngine["script"], boolean][] = [
    ["open", { open: fail }, false],
    ["items", {
      items: () => {
        throw reason;
      },
    }, true],
    ["an item later", {
      async *items() {
        yield streamItem("a", noise(10, "a"));
        await Promise.reject(reason);
      },
    }, true],
    ["a stream", { items: () => [streamItem("a", noise(10, "a")), streamItem("b", broken)] }, true],
    ["finish", { finish: fail }, true],
    ["the metadata", { finish: (end) => ({ ...end, metadata: broken }) }, true],
    ["its own end as well", { finish: fail, cancel: () => Promise.reject(new TypeError("cancel threw")) }, true],
  ];
  for (const jobs of [1, 3]) {
    for (const [name, script, isOpen] of places) {
      await test.step(`${name}, ${jobs} at once`, async () => {
        const scene = await JournalScene.make(script);
        assert.equal(await thrownBy(scene.night({ jobs })), reason);
        assert.equal(scene.engine.cancelled > 0, isOpen);
        assert.deepEqual(await namesOf(scene.store, "snapshot"), []);
        assert.deepEqual(await namesOf(scene.store, "lock"), []);
        scene.engine.script = {};
        await scene.assertReplays(await scene.night());
      });
    }
  }
});

Deno.test("wherever an engine is interrupted, the put ends, even if the engine does not notice", async (test) => {
  const never = <T>() => new Promise<T>(() => {});
  const places: [string, (reached: () => void) => JournalEngine["script"]][] = [
    ["open", (reached) => ({
      open({ signal }) {
        reached();
        return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    })],
    ["the first item", (reached) => ({
      async *items() {
        reached();
        yield await never<EngineItem>();
      },
    })],
    ["a later item", (reached) => ({
      async *items() {
        yield streamItem("a", noise(10, "a"));
        reached();
        yield await never<EngineItem>();
      },
    })],
    ["a stream", (reached) => ({
      items: () => [
        streamItem("a", {
          read() {
            reached();
            return never();
          },
          cancel: () => Promise.resolve(),
          ended: never,
        }),
      ],
    })],
    ["the end of a stream", (reached) => ({
      items() {
        const bytes = new BytesSource(noise(10, "a"));
        return [
          streamItem("a", {
            read: (target) => bytes.read(target),
            cancel: () => Promise.resolve(),
            ended() {
              reached();
              return never();
            },
          }),
        ];
      },
    })],
    ["finish", (reached) => ({
      finish() {
        reached();
        return never();
      },
    })],
    ["the metadata", (reached) => ({
      finish: (end) => ({
        ...end,
        metadata: {
          read() {
            reached();
            return never();
          },
          cancel: () => Promise.resolve(),
        },
      }),
    })],
  ];
  for (const [name, script] of places) {
    await test.step(name, async () => {
      const stop = new AbortController();
      const scene = await JournalScene.make(script(() => queueMicrotask(() => stop.abort())));
      const error = await thrownBy(scene.night({ jobs: 2 }, stop.signal));
      assert.ok(error instanceof InterruptedError, String(error));
      assert.equal(scene.engine.cancelled > 0, name !== "open");
      assert.deepEqual(await namesOf(scene.store, "snapshot"), []);
      assert.deepEqual(await namesOf(scene.store, "lock"), []);
    });
  }
});

Deno.test("an item that comes after the end is cancelled", async () => {
  const late = Promise.withResolvers<EngineItem>();
  const source = new BytesSource(noise(10, "late"));
  const scene = await JournalScene.make({
    async *items() {
      yield streamItem("bad", {
        ...source,
        read: () => Promise.reject(new SourceError("bad")),
        ended: () => Promise.resolve(),
        cancel: () => Promise.resolve(),
      });
      yield await late.promise;
    },
  });
  const error = await thrownBy(scene.night({ jobs: 2 }));
  assert.ok(error instanceof SourceError);
  late.resolve(streamItem("late", source));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.ok(source.cancelled > 0);
});

Deno.test("interrupted at any call to the store, a level is committed or not, and the chain goes on", async () => {
  const before = await JournalScene.make();
  await before.nights(2);
  const attempt = async (abortAt: number) => {
    const scene = new JournalScene(new JournalEngine(), await copyOf(before.store), fakeWorld("second"));
    scene.engine.lines.push(...before.engine.lines);
    scene.world.clock.jump(3 * HOUR_MS);
    const stop = new AbortController();
    const faulty = withFaults(scene.store, ({ number }) => {
      if (number === abortAt) stop.abort();
      return undefined;
    });
    const error = await thrownBy(scene.night({}, stop.signal, faulty));
    return { scene, error, calls: faulty.calls };
  };
  const { calls, error } = await attempt(0);
  assert.equal(error, undefined);
  for (const { number, method, kind } of calls) {
    if (method === "get" && number % 4 > 0) continue;
    const label = `interrupted at call ${number} (${method} ${kind})`;
    const { scene, error } = await attempt(number);
    assert.ok(error === undefined || error instanceof InterruptedError, `${label}: ${error}`);
    const isCommitted = error === undefined;
    assert.equal((await namesOf(scene.store, "snapshot")).length, isCommitted ? 3 : 2, label);
    if (method !== "put") continue;
    const next = await scene.night();
    assert.equal(next.manifest.level, isCommitted ? 3 : 2, label);
    await scene.assertReplays(next);
  }
});
