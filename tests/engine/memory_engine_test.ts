/** An engine in memory that gives entries and levels, against the contract of all engines. */
import assert from "node:assert/strict";
import { AgentError, SourceError } from "../../src/base/errors.ts";
import type { EngineSource, EngineTarget } from "../../src/engine/engine.ts";
import { EngineRegistry } from "../../src/engine/engine_urls.ts";
import { engineConformance, type EngineFixture } from "../conformance/engine_suite.ts";
import { type Files, Memory, memoryEngine } from "./memory_engine.ts";

engineConformance("memory", {
  register: (name, fn) => Deno.test(name, fn),
  create: () => Promise.resolve(memoryFixture()),
});

const NIGHTS: readonly ((files: Files) => void)[] = [
  (files) => {
    for (const name of ["one", "two", "three"]) files.set(name, new TextEncoder().encode(name.repeat(20_000)));
    files.set("empty", new Uint8Array(0));
  },
  (files) => files.set("one", Uint8Array.of(1)) && files.delete("two"),
  (files) => files.set("four", files.get("three")!) && files.delete("three"),
  (files) => files.clear(),
];

function memoryFixture(): EngineFixture {
  const memory = new Memory();
  const files: Files = new Map();
  memory.places.set("source", files);
  const registry = new EngineRegistry();
  registry.register("memory", memoryEngine(memory));
  let targets = 0;
  return {
    registry,
    source: "memory:source",
    target: () => Promise.resolve(`memory:target-${targets++}`),
    change: (night) => Promise.resolve(void NIGHTS[night]!(files)),
    swell: (bytes) => Promise.resolve(void files.set("swollen", new Uint8Array(bytes))),
    keep() {
      const kept = new Map(files);
      return Promise.resolve((target) => {
        const restored = memory.places.get(target.replace("memory:", ""))!;
        const sorted = (some: Files) => [...some].toSorted(([a], [b]) => a < b ? -1 : 1);
        assert.deepEqual(sorted(restored), sorted(kept));
        return Promise.resolve();
      });
    },
    leftovers: () => Promise.resolve([...memory.open].map(() => "something is open")),
    stall: () => Promise.resolve(memory.stall()),
    produced: () => Promise.resolve(memory.produced),
    failingSources() {
      files.set("file", new Uint8Array(100_000));
      return Promise.resolve([failing("read"), failing("ended"), failing("finish")]);
    },
    failingTargets: () => Promise.resolve([failingTarget("write"), failingTarget("end"), failingTarget("endLevel")]),
    dispose: () => Promise.resolve(),
  };

  function failing(where: "read" | "ended" | "finish"): EngineSource {
    const fail = () => Promise.reject(new SourceError("it broke; nothing was committed"));
    const source = registry.source("memory:source").driver;
    return {
      options: source.options,
      async open(request) {
        const open = await source.open(request);
        if (where === "finish") return { ...open, finish: fail };
        const items = async function* () {
          for await (const item of open.items()) {
            const hasSource = item.kind !== "entries" && item.source !== null;
            yield !hasSource ? item : { ...item, source: { ...item.source, [where]: fail } } as typeof item;
          }
        };
        return { ...open, items };
      },
    };
  }

  function failingTarget(where: "write" | "end" | "endLevel"): EngineTarget {
    const fail = () => Promise.reject(new AgentError("it broke"));
    const target = registry.target("memory:broken").driver;
    return {
      async open(request) {
        const open = await target.open({ ...request, overwrite: true });
        if (where === "endLevel") return { ...open, endLevel: fail };
        const take: typeof open.take = async (item) => {
          const sink = await open.take(item);
          return sink && { ...sink, [where]: fail };
        };
        return { ...open, take };
      },
    };
  }
}
