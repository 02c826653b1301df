/** Progress as it is told while time goes on: on a terminal, to programs, and to nobody. */
import { strict as assert } from "node:assert";
import { Progress, withProgress } from "../../../src/cli/report/progress.ts";
import { IndexingNews } from "../../../src/cli/terminal/indexing_news.ts";
import { jsonRows } from "../../helpers/executable.ts";
import { testContext } from "../cli_context.ts";

const WAITING = { phase: "waiting", label: { long: "waiting for the first byte", short: "waiting" } };
const SUBJECT = { command: "put", name: "prod/shop", first: WAITING };

/** So many bytes of a thousand. */
const bytes = (done: number) => ({ phase: "stream", unit: "bytes", done, total: 1000 }) as const;

Deno.test("a terminal shows it from the first moment, and its clock goes on while nothing happens", async () => {
  const { context, world, screen, tick, ticking } = testContext({ terminal: 80 });
  const progress = new Progress(SUBJECT, {}, context);
  await world.clock.advance(0);
  assert.equal(screen.text, "prod/shop: waiting for the first byte, 0:00");
  for (let i = 0; i < 10; i++) await tick();
  assert.equal(screen.text, "prod/shop: waiting for the first byte, 0:02");
  progress.update(bytes(100));
  for (let i = 0; i < 5; i++) await tick();
  progress.update(bytes(400));
  await tick();
  assert.equal(screen.text, "prod/shop: 40 %, 400 B of 1000 B, 250 B/s, 0:03, 0:02 left");
  await progress.end();
  assert.equal(screen.text, "");
  assert.equal(ticking.size, 0);
  world.clock.jump(1000);
  progress.update(bytes(500));
  await tick();
  assert.equal(screen.text, "", "nothing is told after the end");
});

Deno.test("many steps are drawn a few times a second", async () => {
  const { context, world, screen } = testContext({ terminal: 80 });
  let writes = 0;
  const { write } = screen;
  screen.write = (written) => (writes++, write.call(screen, written));
  const progress = new Progress(SUBJECT, {}, context);
  for (let i = 0; i < 100; i++) {
    progress.update(bytes(i));
    await world.clock.advance(10);
  }
  assert.ok(writes >= 4 && writes <= 6, `${writes} in a second`);
});

Deno.test("the line follows the width of its terminal", async () => {
  const { context, screen, tick } = testContext({ terminal: 80 });
  new Progress({ ...SUBJECT, name: "prod/customers/eu-west/shop" }, {}, context).update(bytes(100));
  await tick();
  assert.equal(screen.text, "prod/customers/eu-west/shop: 10 %, 100 B of 1000 B, 0:00");
  screen.width = 40;
  await tick();
  assert.equal(screen.text, "prod/…shop: 10 %, 100 B of 1000 B, 0:00");
  assert.ok(!screen.hasWrapped);
});

Deno.test("what else is written comes above the line, in whole lines", async () => {
  const { context, world, screen, tick } = testContext({ terminal: 80 });
  await withProgress(SUBJECT, {}, context, async () => {
    await world.clock.advance(0);
    await context.terminal!.write(new TextEncoder().encode("mysqldump: half of "));
    await tick();
    assert.equal(screen.text, "mysqldump: half of");
    await context.terminal!.write(new TextEncoder().encode("a warning\n"));
    await tick();
    assert.equal(screen.text, "mysqldump: half of a warning\nprod/shop: waiting for the first byte, 0:00");
  });
  assert.equal(screen.text, "mysqldump: half of a warning");
});

Deno.test("programs get an object each second, also without a terminal", async () => {
  const { context, stderr, tick } = testContext();
  const progress = new Progress(SUBJECT, { json: true }, context);
  progress.update(bytes(1));
  assert.equal(stderr.text, "", "what is over within a second has nothing to tell");
  await tick();
  progress.update(bytes(250));
  progress.update(bytes(501));
  await tick();
  await progress.end();
  await tick();
  const common = { message_type: "progress", command: "put", phase: "stream", totalBytes: 1000 };
  assert.deepEqual(jsonRows(stderr.text), [
    { ...common, seconds: 1, bytes: 1, percent: 0.1, bytesPerSecond: 0 },
    { ...common, seconds: 2, bytes: 501, percent: 50.1, bytesPerSecond: 250, etaSeconds: 2 },
  ]);
});

Deno.test("nobody is told anything with --quiet, nor text where there is no terminal", async () => {
  for (const style of [{ quiet: true }, { quiet: true, json: true }]) {
    const { context, world, screen, stderr, tick } = testContext({ terminal: 80 });
    new Progress(SUBJECT, style, context).update(bytes(1));
    await world.clock.advance(0);
    for (let i = 0; i < 10; i++) await tick();
    assert.equal(screen.text + stderr.text, "");
  }
  const { context, stderr, tick } = testContext();
  new Progress(SUBJECT, {}, context).update(bytes(1));
  for (let i = 0; i < 10; i++) await tick();
  assert.equal(stderr.text, "");
});

Deno.test("a phase has its own pace: what was counted before it was heard of counts for nothing", async () => {
  const { context, screen, tick } = testContext({ terminal: 80 });
  const progress = new Progress({ command: "check" }, {}, context);
  await tick();
  assert.equal(screen.text, "check: opening the repository, 0:00");
  progress.update({
    phase: "trees",
    label: { long: "reading trees", short: "trees" },
    unit: "trees",
    done: 50,
    total: 100,
  });
  for (let i = 0; i < 5; i++) await tick();
  assert.equal(screen.text, "check: reading trees, 50 %, 50 of 100, 0:01");
  progress.update({
    phase: "trees",
    label: { long: "reading trees", short: "trees" },
    unit: "trees",
    done: 60,
    total: 100,
  });
  await tick();
  assert.equal(screen.text, "check: reading trees, 60 %, 60 of 100, 0:01, 0:04 left");
});

Deno.test("while the index on disk is made, that is shown, whatever is read meanwhile", async () => {
  const { context, world, screen, tick } = testContext({ terminal: 80 });
  const indexing = new IndexingNews();
  const progress = new Progress(SUBJECT, {}, { ...context, indexing });
  await tick();
  indexing.tell({ done: 0, total: 100 });
  await tick();
  assert.equal(screen.text, "prod/shop: reading indexes, 0 %, 0 of 100, 0:00");
  for (let i = 0; i < 5; i++) await tick();
  progress.update(bytes(100));
  indexing.tell({ done: 50, total: 100 });
  await tick();
  assert.equal(screen.text, "prod/shop: reading indexes, 50 %, 50 of 100, 0:01, 0:01 left");
  indexing.tell(null);
  await tick();
  assert.equal(screen.text, "prod/shop: 10 %, 100 B of 1000 B, 0:01");
  for (let i = 0; i < 4; i++) await tick();
  progress.update(bytes(500));
  await tick();
  assert.equal(screen.text, "prod/shop: 50 %, 500 B of 1000 B, 333 B/s, 0:02, 0:01 left");
  await progress.end();
  indexing.tell({ done: 1, total: 100 });
  await world.clock.advance(1000);
  assert.equal(screen.text, "", "nothing is told after the end");
});
