/** Sources to which something happens once they are open or while they are read, and what runs on then. */
import type { EngineItem, EngineSource } from "../../../src/engine/engine.ts";
import type { Driven } from "../../../src/engine/engine_urls.ts";

/** How many processes have a text in their command line. */
export function processesWith(text: string): number {
  return [...Deno.readDirSync("/proc")].filter(({ name }) => {
    try {
      return /^\d+$/.test(name) && Deno.readTextFileSync(`/proc/${name}/cmdline`).includes(text);
    } catch {
      return false; // It has ended.
    }
  }).length;
}

/** A source to which something happens after the third piece. */
export function interrupted(driven: Driven<EngineSource>, happen: () => Promise<void>): Driven<EngineSource> {
  const driver: EngineSource = {
    options: driven.driver.options,
    async open(request) {
      const opened = await driven.driver.open(request);
      return {
        async *items(): AsyncIterable<EngineItem> {
          for await (const item of opened.items()) {
            if (item.kind !== "stream") continue;
            const { source } = item;
            let pieces = 0;
            yield {
              ...item,
              source: {
                async read(target) {
                  if (++pieces === 3) await happen();
                  return await source.read(target);
                },
                ended: () => source.ended(),
                cancel: () => source.cancel(),
              },
            };
          }
        },
        finish: () => opened.finish(),
        cancel: () => opened.cancel(),
      };
    },
  };
  return { ...driven, driver };
}

/** A source to which something happens as soon as it is open, before anything is read. */
export function disturbed(driven: Driven<EngineSource>, happen: () => Promise<unknown>): Driven<EngineSource> {
  const driver: EngineSource = {
    options: driven.driver.options,
    async open(request) {
      const opened = await driven.driver.open(request);
      await happen();
      return opened;
    },
  };
  return { ...driven, driver };
}
