/** The line of a terminal: below everything else, never in it, and gone before anything else is written. */
import { strict as assert } from "node:assert";
import fc from "fast-check";
import type { Output } from "../../../src/cli/terminal/input_output.ts";
import { TerminalLine } from "../../../src/cli/terminal/terminal_line.ts";
import { macrotask } from "../../helpers/world.ts";
import { Screen } from "../screen.ts";

const write = (output: Output, text: string) => output.write(new TextEncoder().encode(text));

async function draw(line: TerminalLine, text: string, style = {}): Promise<void> {
  line.draw(() => text, style);
  await macrotask();
}

Deno.test("the line is gone before anything else is written, and comes back below it", async () => {
  const screen = new Screen(80);
  const line = new TerminalLine(screen);
  await draw(line, "30 %");
  assert.equal(screen.text, "30 %");
  await write(line.guard(screen), "a warning\n");
  assert.equal(screen.text, "a warning");
  await draw(line, "31 %");
  assert.equal(screen.text, "a warning\n31 %");
  await line.clear();
  assert.equal(screen.text, "a warning");
});

Deno.test("it waits for the end of a line that somebody began", async () => {
  const screen = new Screen(80);
  const line = new TerminalLine(screen);
  const command = line.guard(screen);
  await draw(line, "30 %");
  await write(command, "Password: ");
  await draw(line, "31 %");
  assert.equal(screen.text, "Password:");
  await write(command, "\n");
  await draw(line, "32 %");
  assert.equal(screen.text, "Password:\n32 %");
});

Deno.test("our own words begin a line of their own behind what somebody began", async () => {
  const screen = new Screen(80);
  const line = new TerminalLine(screen);
  await write(line.guard(screen), "no end of line");
  await write(line.guard(screen, { ownLines: true }), "agent: warning\n");
  assert.equal(screen.text, "no end of line\nagent: warning");
});

Deno.test("while it is hidden nothing is drawn, however often it was hidden", async () => {
  const screen = new Screen(80);
  const line = new TerminalLine(screen);
  await draw(line, "30 %");
  await line.hide();
  await line.hide();
  line.show();
  await draw(line, "31 %");
  assert.equal(screen.text, "");
  line.show();
  await draw(line, "32 %");
  assert.equal(screen.text, "32 %");
});

Deno.test("a process in the background draws nothing", async () => {
  const screen = new Screen(80);
  let isForeground = false;
  const line = new TerminalLine(screen, () => isForeground);
  await draw(line, "30 %");
  assert.equal(screen.text, "");
  isForeground = true;
  await draw(line, "31 %");
  assert.equal(screen.text, "31 %");
});

Deno.test("while it waits, a question that somebody writes past it stays", async () => {
  const screen = new Screen(80);
  const line = new TerminalLine(screen);
  await draw(line, "waiting, 0:09", { beside: true });
  await write(screen, "Enter password: ");
  await draw(line, "waiting, 0:10", { beside: true });
  assert.equal(screen.text, "waiting, 0:10   Enter password:");
  await write(screen, "\n");
  await draw(line, "30 %");
  assert.equal(screen.text, "waiting, 0:10   Enter password:\n30 %");
});

Deno.test("a line that cannot be drawn for now is left out; a terminal that is gone stops nothing", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let writes = 0;
  const slow: Output = { isTerminal: true, columns: () => 80, write: () => (writes++, promise) };
  const line = new TerminalLine(slow);
  for (let i = 0; i < 5; i++) await draw(line, String(i));
  resolve();
  await macrotask();
  assert.equal(writes, 1);
  const gone: Output = { isTerminal: true, columns: () => 80, write: () => Promise.reject(new Error("EIO")) };
  const other = new TerminalLine(gone);
  await draw(other, "30 %");
  await other.clear();
});

Deno.test("a terminal that is made narrower while a line is on its way breaks none", async () => {
  for (const beside of [false, true]) {
    const screen = new Screen(80);
    const narrowing: Output = {
      isTerminal: true,
      columns: () => screen.columns(),
      write(bytes) {
        screen.width = 40;
        return screen.write(bytes);
      },
    };
    const line = new TerminalLine(narrowing);
    await draw(line, "x".repeat(79), { beside });
    assert.match(screen.text, /^x{39,40}$/);
    await line.clear();
    assert.equal(screen.text, "");
    await write(screen, "y".repeat(50));
    assert.equal(screen.text, `${"y".repeat(40)}\n${"y".repeat(10)}`, "others are not cut");
  }
});

/** What happens to a terminal, in any order. */
const ACTIONS = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constant("draw" as const),
      text: fc.string({ unit: fc.constantFrom(..."abc "), maxLength: 150, size: "max" }),
    }),
    fc.record({
      do: fc.constant("write" as const),
      text: fc.constantFrom("word\n", "begun ", "ended\n", "two\nlines\n"),
    }),
    fc.record({ do: fc.constant("resize" as const), columns: fc.integer({ min: 12, max: 120 }) }),
    fc.record({ do: fc.constant("clear" as const) }),
  ),
  { maxLength: 30 },
);

Deno.test("whatever happens, what is left is what others wrote, and the line was never broken", async () => {
  await fc.assert(
    fc.asyncProperty(ACTIONS, async (actions) => {
      const screen = new Screen(80);
      const line = new TerminalLine(screen);
      const guarded = line.guard(screen);
      let others = "";
      for (const action of actions) {
        if (action.do === "draw") await draw(line, action.text);
        else if (action.do === "resize") screen.width = action.columns;
        else if (action.do === "clear") await line.clear();
        else {
          await write(guarded, action.text);
          others += action.text;
          // A long line of others may break; that is theirs.
          if (others.split("\n").at(-1)!.length > 6) await write(guarded, "\n"), others += "\n";
        }
      }
      await line.clear();
      assert.equal(screen.text, others.split("\n").map((row) => row.trimEnd()).join("\n").trimEnd());
      assert.ok(!screen.hasWrapped);
    }),
    { seed: 1, numRuns: 200 },
  );
});
