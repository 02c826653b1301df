/** Room for bytes: what does not fit waits, in order, and what is too large comes alone. */
import assert from "node:assert/strict";
import { Room } from "../../src/base/room.ts";

/** Asks for room; `in` tells whether it was given. */
function asking(room: Room, bytes: number): { isIn: boolean } {
  const state = { isIn: false };
  void room.enter(bytes).then(() => state.isIn = true);
  return state;
}

async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

Deno.test("what fits is let in, what does not waits until enough is given back", async () => {
  const room = new Room(10);
  const states = [6, 4, 1].map((bytes) => asking(room, bytes));
  await settled();
  assert.deepEqual(states.map(({ isIn }) => isIn), [true, true, false]);
  room.leave(4);
  await settled();
  assert.ok(states[2]!.isIn);
});

Deno.test("nobody is passed: a small one behind a large one waits, too", async () => {
  const room = new Room(10);
  const states = [8, 5, 1].map((bytes) => asking(room, bytes));
  await settled();
  assert.deepEqual(states.map(({ isIn }) => isIn), [true, false, false]);
  room.leave(8);
  await settled();
  assert.deepEqual(states.map(({ isIn }) => isIn), [true, true, true]);
});

Deno.test("more than there is room for is let in alone", async () => {
  const room = new Room(10);
  const states = [1, 25, 1].map((bytes) => asking(room, bytes));
  await settled();
  assert.deepEqual(states.map(({ isIn }) => isIn), [true, false, false]);
  room.leave(1);
  await settled();
  assert.deepEqual(states.map(({ isIn }) => isIn), [true, true, false]);
  room.leave(25);
  await settled();
  assert.ok(states[2]!.isIn);
});
