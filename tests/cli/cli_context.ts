/** A command's surroundings for tests: outputs that collect, a clock that the test sets, ticks that it makes. */
import type { CliContext } from "../../src/cli/context.ts";
import { TerminalLine } from "../../src/cli/terminal/terminal_line.ts";
import { Collected, contextWith } from "../helpers/command_line.ts";
import { type FakeWorld, fakeWorld } from "../helpers/world.ts";
import { Screen } from "./screen.ts";

/** A context whose standard error is a terminal of so many columns, or, without, collects. */
interface TestContext {
  readonly context: CliContext;
  readonly world: FakeWorld;
  readonly screen: Screen;
  readonly stdout: Collected;
  readonly stderr: Collected;
  /** What ticks. */
  readonly ticking: ReadonlySet<unknown>;
  /** Lets time go on by as much as whatever ticks in it waits for. */
  tick(): Promise<void>;
}

/** Makes one. */
export function testContext({ terminal }: { readonly terminal?: number } = {}): TestContext {
  const world = fakeWorld();
  const screen = new Screen(terminal ?? 80);
  const line = terminal === undefined ? undefined : new TerminalLine(screen);
  const [stdout, stderr] = [new Collected(), new Collected()];
  const ticking = new Set<{ readonly ms: number; readonly tick: () => void }>();
  const context: CliContext = {
    ...contextWith({ stdout, stderr: line?.guard(screen, { ownLines: true }) ?? stderr, world }),
    ...line && { line, terminal: line.guard(screen) },
    every(ms, tick) {
      const ticker = { ms, tick };
      ticking.add(ticker);
      return () => void ticking.delete(ticker);
    },
  };
  const tick = async () => {
    await world.clock.advance(Math.max(0, ...[...ticking].map(({ ms }) => ms)));
    for (const ticker of ticking) ticker.tick();
    await world.clock.advance(0);
  };
  return { context, world, screen, stdout, stderr, ticking, tick };
}
