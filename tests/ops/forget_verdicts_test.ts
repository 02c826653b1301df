/** Verdicts of restores on trial, when the backups that they are about are removed, copied or expected. */
import { deepEqual } from "node:assert/strict";
import { tagsOf } from "../../src/backup/restore_tests.ts";
import { forget } from "../../src/ops/forget.ts";
import { status } from "../../src/ops/status.ts";
import { DEFAULT_ROTATION } from "../../src/policy/retention/retention_rotation.ts";
import { parseExpectation } from "../../src/policy/expectation.ts";
import { acquireLock } from "../../src/repository/lock/held_lock.ts";
import { manifestIdOf } from "../backup/backups.ts";
import { accessTo, noise } from "../helpers/world.ts";
import { day, LAST, named, policy, repositoryWith, type SavedShape } from "./forget_fixture.ts";

/** The verdict on a backup, made on a day of January. */
function verdict(of: string, number: number, { series = "prod/shop", hasPassed = true, more = [] as string[] } = {}) {
  return {
    ...day(number),
    series: `restore-tests/${series}`,
    complete: null,
    tags: [...tagsOf({ of: manifestIdOf(of), hasPassed, tookMs: 1000, rows: 5 }), ...more],
  } satisfies SavedShape;
}

const TWO = { a: day(1), b: day(2), "a: 1": verdict("a", 3), "b: 1": verdict("b", 4) };

Deno.test("a verdict goes with its backup, whoever removes it, and no rule counts or spares it", async () => {
  const requests = {
    "a policy": LAST,
    "a policy of the series": policy({ counts: { last: 1 } }, { series: ["prod/shop"] }),
    "a policy that would count them together": { ...LAST, groupBy: ["host" as const] },
    "a policy that has a rule for no verdict": policy({ tags: [["kept"]] }),
    "a rotation": {
      kind: "rotation" as const,
      series: "prod/shop",
      rotation: { ...DEFAULT_ROTATION, days: 1, weeks: 0, months: 0, years: 0 },
    },
    "a name": named(`@${manifestIdOf("a")}`),
  };
  for (const [what, request] of Object.entries(requests)) {
    const { access, world, left } = await repositoryWith({ ...TWO, b: { ...day(2), tags: ["kept"] } });
    const { groups } = await forget(access, request, { world });
    deepEqual(await left(), ["b", "b: 1"], what);
    deepEqual(groups.map(({ series, remove }) => [series, remove.length]), [["prod/shop", 1], [
      "restore-tests/prod/shop",
      1,
    ]]);
  }
});

Deno.test("the newest verdict, and the newest that passed, stay as long as the series has backups", async () => {
  const { access, world, left } = await repositoryWith({
    ...TWO,
    "b: 1": verdict("b", 3, { hasPassed: false }),
    "a: 1": verdict("a", 2),
    "a: 2": verdict("a", 1),
    c: day(4),
  });
  await forget(access, LAST, { world });
  deepEqual((await left()).toSorted(), ["a: 1", "b: 1", "c"]);
  await forget(access, named("prod/shop@latest"), { world, allowLast: true });
  deepEqual(await left(), []);
});

Deno.test("a policy keeps the newest good backup that failed no restore on trial, beside the newest one", async () => {
  const failed = (of: string, number: number) => verdict(of, number, { hasPassed: false });
  const shapes = { a: day(1), b: day(2), c: day(3), d: day(4), "d: 1": failed("d", 5), "c: 1": failed("c", 6) };
  for (
    const [more, kept] of [
      [{}, ["b", "d"]],
      [{ "c: 2": verdict("c", 7) }, ["c", "d"]],
      [{ "d: 2": verdict("d", 7) }, ["d"]],
      [{ b: { ...day(2), complete: false } }, ["a", "d"]],
    ] as [Record<string, SavedShape>, string[]][]
  ) {
    const { access, world, left } = await repositoryWith({ ...shapes, ...more });
    await forget(access, LAST, { world });
    deepEqual((await left()).filter((name) => !name.includes(":")).toSorted(), kept);
  }
});

Deno.test("policies take verdicts that newer ones replace, and those whose backup went otherwise; not what is held", async () => {
  const shapes = {
    a: day(1),
    "a: 1": verdict("a", 2),
    "a: 2": verdict("a", 3, { more: ["hold"] }),
    "a: 3": verdict("a", 4),
    "gone: 1": verdict("gone", 3),
    "gone: 2": verdict("gone", 3, { series: "prod/gone" }),
    unclear: { ...day(3), series: "restore-tests/prod/shop", tags: ["mine"] },
  };
  const left = async (request: Parameters<typeof forget>[1]) => {
    const made = await repositoryWith(shapes);
    await forget(made.access, request, { world: made.world });
    return await made.left();
  };
  const staying = ["a", "a: 2", "a: 3", "unclear"];
  deepEqual(await left(LAST), staying);
  deepEqual(await left(policy({ counts: { last: 1 } }, { series: ["prod/shop"] })), [
    "a",
    "a: 2",
    "a: 3",
    "gone: 2",
    "unclear",
  ]);
  deepEqual(await left(policy({ counts: { last: 1 } }, { tags: [[""]] })), Object.keys(shapes));
  // Whoever names them means them.
  deepEqual(await left(policy({ counts: { last: 1 } }, { series: ["restore-tests/prod/gone"] })), Object.keys(shapes));
  deepEqual(
    await left(named("restore-tests/prod/gone@latest")),
    Object.keys(shapes).filter((one) => one !== "gone: 2"),
  );
});

Deno.test("nothing is taken for gone while a snapshot cannot be read", async () => {
  const { access, world, left, store } = await repositoryWith({
    a: day(1),
    b: day(2),
    c: { ...day(1), series: "other" },
    "c: 1": verdict("c", 3, { series: "other" }),
    "c: 2": verdict("c", 4, { series: "other" }),
    gone: verdict("gone", 3, { series: "other" }),
  });
  await store.put({ kind: "snapshot", name: noise(32, "junk").toHex() }, [noise(100, "junk")]);
  await forget(access, LAST, { world, skipUnreadable: true });
  deepEqual(await left(), ["b", "c", "c: 1", "c: 2", "gone"]);
});

Deno.test("a backup with a verdict is removed while others read", async () => {
  const { access, world, left, repository } = await repositoryWith(TWO);
  const lock = await acquireLock(repository.files, world, { exclusive: false });
  await lock.confirmed;
  await forget(access, named(`@${manifestIdOf("a")}`), { world });
  await lock.release();
  deepEqual(await left(), ["b", "b: 1"]);
});

Deno.test("a restore on trial that passed can be expected, and other expectations do not see it", async () => {
  const { store, world } = await repositoryWith({
    a: day(1),
    "a: 1": verdict("a", 2),
    "a: 2": verdict("a", 3, { hasPassed: false }),
  });
  const ask = async (...texts: string[]) => {
    const expectations = texts.map(parseExpectation);
    const { verdicts } = await status(accessTo(store), { expectations }, { world });
    return verdicts.map(({ series, isOverdue, ageMs }) => [series, isOverdue, ageMs && Math.round(ageMs / 86_400_000)]);
  };
  const trials = "restore-tests/prod/shop";
  deepEqual(await ask(`${trials}=60d`, "60d", `${trials}=20d`, "restore-tests/x=9d"), [
    [trials, false, 30],
    ["prod/shop", false, 31],
    [trials, true, 30],
    ["restore-tests/x", true, null],
  ]);
});
