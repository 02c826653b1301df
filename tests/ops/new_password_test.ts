/** Whatever fails while a password gets a key: one that may open the repository is never told to be unused. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  AgentError,
  DeniedError,
  ExistsError,
  NoRepositoryError,
  NotFoundError,
  StoreFullError,
  TemporaryError,
  WrongPasswordError,
} from "../../src/base/errors.ts";
import { init } from "../../src/ops/init.ts";
import { keyAdd, keyChange } from "../../src/ops/keys.ts";
import { openRepository } from "../../src/repository/repository.ts";
import { type Fault, type FaultPlan, withFaults } from "../../src/store/fault.ts";
import { openMemoryStore } from "../../src/store/memory.ts";
import { withRetries } from "../../src/store/retry.ts";
import type { RetryPolicy } from "../../src/store/retry_decision.ts";
import { type BlobStore, CONFIG_FILE } from "../../src/store/store.ts";
import { accessTo, CHEAP_KDF, copyOf, fakeWorld, memoryRepository, namesOf, PASSWORD } from "../helpers/world.ts";

const NEW = "a new one";
const MOST_CALLS = 40;
const FAULTS: readonly Fault[] = [
  { type: "fail", error: new StoreFullError("full") },
  { type: "fail", error: new DeniedError("denied") },
  { type: "fail", error: new TemporaryError("down") },
  { type: "lose-answer" },
  { type: "tear" },
];
/** So few that the clock of a test lets them pass by itself. */
const FEW_TRIES: RetryPolicy = { quickMs: 100, backOffMs: 100, longestMs: 200, giveUpMs: 400, giveUpAtStartMs: 400 };
/** Property tests do the same in every run. */
const FIXED = { seed: 20261128, numRuns: 150 };

type WorldOfTest = ReturnType<typeof cheapWorld>;
type Work = (
  store: BlobStore,
  newPassword: ReturnType<typeof observed>["password"],
  world: WorldOfTest,
) => Promise<unknown>;

/** `isRandom` would make the key dear. */
function cheapWorld() {
  const problems: AgentError[] = [];
  return {
    ...fakeWorld("new password"),
    kdf: CHEAP_KDF,
    problems,
    onProblem: (problem: AgentError) => void problems.push(problem),
  };
}

function observed() {
  let isUnused = false;
  const onUnused = () => Promise.resolve(void (isUnused = true));
  return { password: { password: NEW, isRandom: false, onUnused }, isUnused: () => isUnused };
}

const initIt: Work = (store, password, world) => init(store, password, world);
const addIt: Work = (store, password, world) => keyAdd(accessTo(store), () => Promise.resolve(password), world);
const changeIt: Work = (store, password, world) => keyChange(accessTo(store), () => Promise.resolve(password), world);

async function opens(store: BlobStore, password: string, world: WorldOfTest): Promise<boolean> {
  try {
    await openRepository(store, { password, randomBytes: world.randomBytes });
    return true;
  } catch (error) {
    if (error instanceof NoRepositoryError || error instanceof WrongPasswordError) return false;
    throw error;
  }
}

interface Trial {
  readonly work: Work;
  /** What is in the store before. */
  readonly before: BlobStore;
  readonly plan: FaultPlan;
  readonly retries?: boolean;
}

/** Tries it once; fails the test where somebody is locked out. Gives whether it was done, and how many calls it took. */
async function attempt({ work, before, plan, retries = false }: Trial): Promise<{ isDone: boolean; calls: number }> {
  const store = await copyOf(before);
  const world = cheapWorld();
  const { password, isUnused } = observed();
  const hadRepository = await opens(before, PASSWORD, world);
  const failing = withFaults(store, plan);
  const seen = retries
    ? withRetries(failing, { clock: world.clock, random: world.randomBytes, policy: FEW_TRIES })
    : failing;
  const isDone = await work(seen, password, world).then(() => true, (error) => {
    if (!(error instanceof AgentError)) throw error;
    return false;
  });
  const opensWithNew = await opens(store, NEW, world);
  assert.ok(!(isUnused() && opensWithNew), "a password that opens the repository is said to be unused");
  if (isDone) assert.ok(opensWithNew && !isUnused(), "done, and the new password does not open it");
  if (hadRepository) assert.ok(opensWithNew || await opens(store, PASSWORD, world), "nobody can open it any more");
  else if (!opensWithNew) {
    await assert.rejects(store.size(CONFIG_FILE), NotFoundError, "a repository that nobody opens");
  }
  return { isDone, calls: failing.calls.length };
}

const SCENES: readonly (readonly [name: string, work: Work, before: () => Promise<BlobStore>])[] = [
  ["init", initIt, () => Promise.resolve(openMemoryStore())],
  ["key add", addIt, async () => (await memoryRepository(fakeWorld("before"))).store],
  ["key passwd", changeIt, async () => (await memoryRepository(fakeWorld("before"))).store],
];

for (const [name, work, makeBefore] of SCENES) {
  Deno.test(`${name}: a fault of any kind at any call of the store locks nobody out`, async () => {
    const before = await makeBefore();
    for (const fault of FAULTS) {
      for (let number = 1, calls = number; number <= calls; number++) {
        assert.ok(number < MOST_CALLS);
        ({ calls } = await attempt({ work, before, plan: (call) => call.number === number ? fault : undefined }));
      }
    }
  });

  Deno.test(`${name}: any faults together, with repetitions, lock nobody out`, async () => {
    const before = await makeBefore();
    const faults = fc.array(fc.option(fc.constantFrom(...FAULTS), { freq: 3 }), { maxLength: MOST_CALLS });
    await fc.assert(
      fc.asyncProperty(faults, async (plan) => {
        await attempt({ work, before, plan: ({ number }) => plan[number - 1] ?? undefined, retries: true });
      }),
      FIXED,
    );
  });

  Deno.test(`${name}: a store that cannot be closed hides no result`, async () => {
    const store = await copyOf(await makeBefore());
    const world = cheapWorld();
    const { password, isUnused } = observed();
    const unclosable = withFaults(store, () => undefined);
    unclosable.close = () => Promise.reject(new StoreFullError("stuck"));
    await work(unclosable, password, world);
    assert.deepEqual(world.problems.map(({ message }) => message), ["The store could not be closed: stuck"]);
    assert.ok(!isUnused() && await opens(store, NEW, world));
  });
}

Deno.test("init: where somebody is faster the password opens nothing and the other repository stays", async () => {
  const { store: theirs } = await memoryRepository(fakeWorld("theirs"));
  for (const storedAs of ["before ours", "while ours is on its way"]) {
    const store = openMemoryStore();
    const world = cheapWorld();
    const { password, isUnused } = observed();
    const config = await theirs.get(CONFIG_FILE);
    const racing = withFaults(store, ({ method, kind }) => {
      const isTheMoment = storedAs === "before ours" ? method === "create" : method === "put" && kind === "config";
      if (isTheMoment) void store.put(CONFIG_FILE, [config]);
      return undefined;
    });
    await assert.rejects(init(racing, password, world), ExistsError, storedAs);
    assert.ok(isUnused());
    assert.deepEqual(await store.get(CONFIG_FILE), config);
    assert.deepEqual(await namesOf(store, "key"), [], "no key of ours lies in their repository");
  }
});

Deno.test("key passwd: where the old key cannot be removed, that is told", async () => {
  const { store, access } = await memoryRepository(fakeWorld("before"));
  const world = cheapWorld();
  const { password, isUnused } = observed();
  const keeping = withFaults(store, ({ method, kind }) => {
    return method === "remove" && kind === "key" ? { type: "fail", error: new DeniedError("append-only") } : undefined;
  });
  const changing = keyChange(
    { ...access, openStore: () => Promise.resolve(keeping) },
    () => Promise.resolve(password),
    world,
  );
  await assert.rejects(
    changing,
    /^AgentError: The new password opens the repository, but the old one may still, too: append-only; /,
  );
  assert.ok(!isUnused() && await opens(store, NEW, world) && await opens(store, PASSWORD, world));
});
