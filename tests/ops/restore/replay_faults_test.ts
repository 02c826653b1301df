/** Replays in which repository, store or target fail, or that are interrupted: what the target holds then. */
import assert from "node:assert/strict";
import { AgentError, IntegrityError, InterruptedError, StoreError } from "../../../src/base/errors.ts";
import { withFaults } from "../../helpers/fault_store.ts";
import { accessTo, copyOf, macrotask, namesOf } from "../../helpers/world.ts";
import { checkStore, packsOf, rewriteIndexOf } from "../check_fixture.ts";
import { replayed, ShelfEngine } from "../replay_fixture.ts";
import { opened, packOf, scene, stepsOf, withDamagedPack } from "./replay_chain.ts";

Deno.test("damage in level 1 ends the target before the end of its stream", async () => {
  const chain = await scene();
  const { world, engine, shelf } = chain;
  const damaged = withDamagedPack(chain.store, await packOf(chain, "level-1/b"));
  await assert.rejects(
    replayed(accessTo(damaged), world, engine),
    (error) => error instanceof IntegrityError && /the target holds a part of the backup/.test(error.message),
  );
  const whole = stepsOf(4);
  const last = whole.indexOf("level 1") + 1;
  assert.deepEqual(shelf.steps, [...whole.slice(0, last), "take a", "cancel"]);
});

Deno.test("a blob that the index does not know is found before the target is touched", async () => {
  const chain = await scene();
  const { world, store, engine, shelf } = chain;
  const pack = await packOf(chain, "level-1/b");
  const repository = await opened(store, world);
  const [found] = (await packsOf(store, "data")).filter(({ name }) => name === pack);
  await rewriteIndexOf({ store, repository, world }, found!, (packs) => packs.filter(({ name }) => name !== pack));
  await assert.rejects(replayed(accessTo(store), world, engine), IntegrityError);
  assert.deepEqual(shelf.steps, []);
});

Deno.test("a first chunk that cannot be read is found before the target is touched", async () => {
  const chain = await scene();
  const damaged = withDamagedPack(chain.store, await packOf(chain, "level-0/a"));
  await assert.rejects(replayed(accessTo(damaged), chain.world, chain.engine), IntegrityError);
  assert.deepEqual(chain.shelf.steps, []);
});

Deno.test("a target may fail at any step: then it gets nothing more, and the error says what it holds", async () => {
  const whole = stepsOf(2);
  for (const [at, failing] of [...whole.entries()]) {
    const { world, store, engine, shelf, puts } = await scene();
    shelf.at = (step) => {
      if (step !== "write" && shelf.steps.length === at) throw new Error(`no ${step}`);
    };
    const selector = `@${puts[1]!.backup.id}`;
    await assert.rejects(replayed(accessTo(store), world, engine, { selector }), (error) => {
      assert.ok(error instanceof AgentError && error.message.includes(`no ${failing}; the target holds a part`));
      return true;
    });
    assert.deepEqual(shelf.steps, at === 0 ? [] : [...whole.slice(0, at), "cancel"]);
    assert.deepEqual(await namesOf(store, "lock"), []);
  }
});

Deno.test("an error of a target's own is thrown as it is, also where it comes with a write", async () => {
  const { world, store, engine, shelf } = await scene();
  const own = new AgentError("the disk is full; it holds half");
  shelf.at = (step) => {
    if (step === "write" && shelf.levels.length === 3) throw own;
  };
  await assert.rejects(replayed(accessTo(store), world, engine), (error) => error === own);
  assert.equal(shelf.steps.at(-1), "cancel");
  assert.ok(!shelf.steps.includes("finish"));
});

Deno.test("the store may fail at any call: either nothing was touched, or the target is ended without its end", async () => {
  const { world, store, puts } = await scene();
  const selector = `@${puts[1]!.backup.id}`;
  const clean = withFaults(await copyOf(store), () => undefined);
  await replayed(accessTo(clean), world, new ShelfEngine(), { selector });
  let failures = 0;
  for (let at = 1; at <= clean.calls.length; at++) {
    const engine = new ShelfEngine();
    const failing = withFaults(
      await copyOf(store),
      ({ number }) => number === at ? { type: "fail", error: new StoreError("no answer") } : undefined,
    );
    try {
      await replayed(accessTo(failing), world, engine, { selector });
    } catch (error) {
      failures++;
      assert.ok(error instanceof AgentError);
      const { steps } = engine.shelf;
      assert.ok(!steps.includes("finish"));
      if (steps.length > 0) assert.equal(steps.at(-1), "cancel");
      assert.equal(error.message.includes("the target holds a part"), steps.length > 0);
    }
  }
  assert.ok(failures > clean.calls.length / 2);
});

Deno.test("an interruption at any step ends the target, and says what it holds", async () => {
  const whole = stepsOf(2);
  for (let at = 1; at < whole.length; at++) {
    const { world, store, engine, shelf, puts } = await scene();
    const stop = new AbortController();
    shelf.at = () => {
      if (shelf.steps.length === at) stop.abort(new InterruptedError());
    };
    const selector = `@${puts[1]!.backup.id}`;
    const replaying = replayed(accessTo(store), world, engine, { selector, signal: stop.signal });
    if (at === whole.length - 1) await replaying; // The last step was done.
    else {
      await assert.rejects(
        replaying,
        (error) => error instanceof InterruptedError && /the target holds a part/.test(error.message),
      );
    }
    assert.ok(shelf.steps.includes("cancel"));
    assert.deepEqual(await namesOf(store, "lock"), []);
  }
});

Deno.test("an interruption ends a target that takes nothing more", async () => {
  const { world, store, engine, shelf } = await scene();
  const stop = new AbortController();
  shelf.at = (step) => {
    if (step !== "write") return;
    void macrotask().then(() => stop.abort());
    return shelf.cancelled.promise;
  };
  await assert.rejects(replayed(accessTo(store), world, engine, { signal: stop.signal }), InterruptedError);
  assert.deepEqual(shelf.steps.filter((step) => step.startsWith("end")), []);
});

Deno.test("a check finds a level whose lower level is damaged", async () => {
  const chain = await scene();
  const damaged = withDamagedPack(chain.store, await packOf(chain, "level-1/b"));
  const { errors } = await checkStore({ store: damaged, world: chain.world }, { readData: true });
  const hit = new Set(errors.flatMap(({ backups }) => backups.map(({ id }) => id)));
  for (const { backup } of chain.puts.slice(1)) assert.ok(hit.has(backup.id), `level ${backup.info!.level} is not hit`);
  assert.ok(!hit.has(chain.puts[0]!.backup.id));
});
