/** Whatever fails while a password gets a key: one that may open the repository is never told to be unused. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  AgentError,
  DeniedError,
  ExistsError,
  NoRepositoryError,
  NotFoundError,
  StoreError,
  StoreFullError,
  TemporaryError,
  WrongPasswordError,
} from "../../src/base/errors.ts";
import { init } from "../../src/ops/init.ts";
import { keyAdd, keyChange } from "../../src/ops/keys.ts";
import { openRepository } from "../../src/repository/repository.ts";
import { type Fault, type FaultPlan, withFaults } from "../helpers/fault_store.ts";
import { ForwardingStore } from "../../src/store/forwarding.ts";
import { openMemoryStore } from "../../src/store/memory_store.ts";
import { withRetries } from "../../src/store/retry.ts";
import type { RetryPolicy } from "../../src/store/retry_decision.ts";
import { type BlobStore, CONFIG_FILE, type FileName } from "../../src/store/store.ts";
import { accessTo, CHEAP_KDF, copyOf, fakeWorld, memoryRepository, namesOf, PASSWORD } from "../helpers/world.ts";

const NEW = "a new one";
const MOST_CALLS = 40;
const FEWEST_CALLS = 5;
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
const FIXED = { seed: 20261128, numRuns: 75 };

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

const initIt: Work = (store, password, world) => init(store, password, { world });
const addIt: Work = (store, password, world) =>
  keyAdd(accessTo(store), { newPassword: () => Promise.resolve(password) }, { world });
const changeIt: Work = (store, password, world) =>
  keyChange(accessTo(store), { newPassword: () => Promise.resolve(password) }, { world });

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
  /** Puts a store that fails around the one that counts. */
  readonly failing: (store: BlobStore, world: WorldOfTest) => BlobStore;
  /** What happens when the work is over. */
  readonly afterwards?: () => Promise<unknown>;
}

/** Does the work once, and fails the test where somebody is locked out. */
async function attempt({ work, before, failing, afterwards }: Trial): Promise<void> {
  const store = await copyOf(before);
  const world = cheapWorld();
  const { password, isUnused } = observed();
  const hadRepository = await opens(before, PASSWORD, world);
  const isDone = await work(failing(store, world), password, world).then(() => true, (error) => {
    if (!(error instanceof AgentError)) throw error;
    return false;
  });
  await afterwards?.();
  const opensWithNew = await opens(store, NEW, world);
  assert.ok(!(isUnused() && opensWithNew), "a password that opens the repository is said to be unused");
  if (isDone) assert.ok(opensWithNew && !isUnused(), "done, and the new password does not open it");
  if (hadRepository) assert.ok(opensWithNew || await opens(store, PASSWORD, world), "nobody can open it any more");
  else if (!opensWithNew) {
    await assert.rejects(store.size(CONFIG_FILE), NotFoundError, "a repository that nobody opens");
  }
}

/** How a put may end that is neither done nor undone when it says that it failed. */
type OddEnding = "stored and then refused" | "on its way";

/** Its put of a given number ends oddly. */
class OddStore extends ForwardingStore {
  readonly #number: number;
  readonly #ending: OddEnding;
  puts = 0;
  /** Lets what was on its way arrive. */
  arrive: () => Promise<void> = () => Promise.resolve();

  constructor(inner: BlobStore, number: number, ending: OddEnding) {
    super(inner);
    this.#number = number;
    this.#ending = ending;
  }

  override async put(file: FileName, content: readonly Uint8Array[]): Promise<void> {
    if (++this.puts !== this.#number) return await this.inner.put(file, content);
    if (this.#ending === "stored and then refused") {
      await this.inner.put(file, content);
      throw new StoreError("the folder cannot be flushed");
    }
    const copy = content.map((part) => part.slice());
    this.arrive = () => this.inner.put(file, copy);
    throw new TemporaryError("no answer");
  }
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
      for (let number = 1, isReached = true; isReached; number++) {
        isReached = false;
        const plan: FaultPlan = (call) => {
          if (call.number !== number) return undefined;
          isReached = true;
          return fault;
        };
        await attempt({ work, before, failing: (store) => withFaults(store, plan) });
        assert.ok(isReached || number > FEWEST_CALLS);
      }
    }
  });

  Deno.test(`${name}: a put that was stored or arrives later, though it failed, locks nobody out`, async () => {
    const before = await makeBefore();
    for (const ending of ["stored and then refused", "on its way"] as const) {
      for (let number = 1, isReached = true; isReached; number++) {
        let odd: OddStore | undefined;
        const failing = (store: BlobStore) => odd = new OddStore(store, number, ending);
        await attempt({ work, before, failing, afterwards: () => odd!.arrive() });
        isReached = odd!.puts >= number;
        assert.ok(isReached || number > 2, "a key and a config, or a lock and a key");
      }
    }
  });

  Deno.test(`${name}: any faults together, with repetitions, lock nobody out`, async () => {
    const before = await makeBefore();
    const faults = fc.array(fc.option(fc.constantFrom(...FAULTS), { freq: 3 }), { maxLength: MOST_CALLS });
    await fc.assert(
      fc.asyncProperty(faults, async (plan) => {
        const failing = (store: BlobStore, { clock, randomBytes }: WorldOfTest) =>
          withRetries(withFaults(store, ({ number }) => plan[number - 1] ?? undefined), {
            clock,
            random: randomBytes,
            policy: FEW_TRIES,
          });
        await attempt({ work, before, failing });
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
    await assert.rejects(init(racing, password, { world }), ExistsError, storedAs);
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
  const changing = keyChange({ ...access, openStore: () => Promise.resolve(keeping) }, {
    newPassword: () => Promise.resolve(password),
  }, { world });
  await assert.rejects(
    changing,
    /^AgentError: The new password opens the repository, but the old one may still, too: append-only; /,
  );
  assert.ok(!isUnused() && await opens(store, NEW, world) && await opens(store, PASSWORD, world));
});
