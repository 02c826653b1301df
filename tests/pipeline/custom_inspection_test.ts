/** Guards that the program did not come with: what they say counts, and what they do wrong counts against the stream. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { SourceError } from "../../src/base/errors.ts";
import type { CustomGuard, CustomJudge } from "../../src/guard/guard.ts";
import { SegmentPool } from "../../src/pipeline/segments.ts";
import { startThreads } from "../../src/pipeline/threads.ts";
import { accessTo, fakeWorld, getBytes, memoryRepository, namesOf, noise, putBytes } from "../helpers/world.ts";
import { assertAllFree } from "./pool_check.ts";

const POOL = { count: 3, segmentBytes: 1000 };
const KEYS = { encrypt: noise(32, "e"), macK: noise(16, "k"), macR: noise(16, "r") };
const LETTER = noise(5000, "letter");

/** A guard of letters, which end with a zero. `judge` replaces what it does. */
function letterGuard(judge: Partial<CustomJudge> = {}, log: string[] = []): CustomGuard {
  return {
    name: "letter",
    create() {
      let [last, bytes] = [1, 0];
      return {
        push(piece) {
          bytes += piece.length;
          last = piece.at(-1) ?? last;
        },
        finish: () => ({ complete: last === 0, reason: `its last byte is\n${last}`, notes: [`${bytes} bytes`] }),
        dispose: () => void log.push("disposed"),
        ...judge,
      };
    },
  };
}

const WHOLE = new Uint8Array([...LETTER, 0]);

/** Gives the bytes to a guard in pieces, and returns what it says of them. */
async function judge(guard: CustomGuard, bytes: Uint8Array) {
  const pool = new SegmentPool(POOL);
  using starting = startThreads(1);
  const inspection = (await starting.configure(KEYS, "auto")).inspect(guard);
  try {
    for (let at = 0; at < bytes.length; at += 700) {
      const segment = await pool.acquire();
      const piece = bytes.subarray(at, at + 700);
      segment.bytes.set(piece);
      inspection.take({ segment, length: piece.length });
    }
    return await inspection.finish();
  } finally {
    inspection.drop();
    inspection.drop();
    await assertAllFree(pool, POOL.count);
  }
}

Deno.test("a custom guard judges what is digested beside it", async () => {
  const log: string[] = [];
  const { sha256, size, verdict } = await judge(letterGuard({}, log), WHOLE);
  assert.deepEqual([sha256, size], [hash("sha256", WHOLE), WHOLE.length]);
  assert.deepEqual(verdict, {
    format: "letter",
    complete: true,
    reason: "its last byte is 0",
    notes: [`${WHOLE.length} bytes`],
  });
  assert.equal((await judge(letterGuard(), new Uint8Array([7]))).verdict.complete, false);
  assert.deepEqual(log, ["disposed"]);
});

const BROKEN: Readonly<Record<string, CustomGuard>> = {
  "cannot be made": {
    name: "letter",
    create() {
      throw new Error("no paper");
    },
  },
  "throws at a piece": letterGuard({
    push() {
      throw new Error("no light");
    },
  }),
  "rejects at a piece": letterGuard({ push: () => Promise.reject(new Error("no time")) }),
  "throws at the end": letterGuard({ finish: () => Promise.reject(new Error("no end")) }),
  "says nothing": letterGuard({ finish: () => undefined as never }),
  "cannot tell": letterGuard({ finish: () => ({ complete: null as never, reason: "?" }) }),
  "has notes of another form": letterGuard({ finish: () => ({ complete: true, reason: "", notes: [1 as never] }) }),
};

for (const [what, guard] of Object.entries(BROKEN)) {
  Deno.test(`a guard that ${what} makes no stream whole`, async () => {
    await assert.rejects(judge(guard, WHOLE), (error) => {
      return error instanceof SourceError &&
        /^The guard "letter" failed: .+; nothing was committed$/.test(error.message);
    });
  });
}

Deno.test("a guard that has the name of a format, or a name that cannot be recorded, judges nothing", async () => {
  for (const name of ["gzip", "auto", "a+b", "a,b", "", "Letter"]) {
    await assert.rejects(judge({ ...letterGuard(), name }, WHOLE), {
      code: "usage",
      message: /^Not a name for a guard/,
    });
  }
});

Deno.test("a slow guard gets all bytes in order before it is asked", async () => {
  const sizes: number[] = [];
  const push = async (bytes: Uint8Array) => {
    await new Promise((resolve) => setTimeout(resolve));
    sizes.push(bytes.length);
  };
  await judge(letterGuard({ push, finish: () => ({ complete: sizes.length === 8, reason: sizes.join() }) }), WHOLE);
  assert.deepEqual(sizes, [700, 700, 700, 700, 700, 700, 700, 101]);
});

Deno.test("a backup with a custom guard records its name; one that is not whole, or not judged, is not committed", async () => {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  const refused = { code: "source-incomplete", message: /letter.*nothing was committed/ };
  await assert.rejects(putBytes(access, world, LETTER, { guard: letterGuard() }), refused);
  for (const guard of Object.values(BROKEN)) {
    await assert.rejects(putBytes(access, world, WHOLE, { guard }), refused);
  }
  assert.deepEqual([...await namesOf(store, "snapshot"), ...await namesOf(store, "lock")], []);
  const { manifest } = await putBytes(accessTo(store), world, WHOLE, { guard: letterGuard() });
  assert.deepEqual(manifest.files[0]!.guard, { format: "letter", complete: true });
  assert.deepEqual(await getBytes(access, world, "prod/shop"), WHOLE);
});
