/** What verifying a password costs, and whom it keeps waiting. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { bcrypt } from "hash-wasm";
import { paddingCosts, parseHtpasswd } from "../../src/server/access/htpasswd.ts";
import { passwordCalls } from "../../src/server/access/password_calls.ts";
import { PasswordThreads } from "../../src/server/access/password_threads.ts";
import { Refusal } from "../../src/server/refusal.ts";

/** The work of a hash, in steps of bcrypt. */
function workOf(cost: number): number {
  return 2 ** cost;
}

Deno.test("an answer of no takes as much work for every user of a file as for a name that is none", () => {
  const cost = fc.integer({ min: 4, max: 14 });
  fc.assert(
    fc.property(fc.array(cost, { minLength: 1, maxLength: 10 }), (costs) => {
      const lines = costs.map((cost, i) => `u${i}:$2y$${String(cost).padStart(2, "0")}$${"a".repeat(53)}`);
      const { users, highestCost } = parseHtpasswd(lines.join("\n"));
      assert.equal(highestCost, Math.max(...costs));
      const paddingWork = (cost: number | undefined) =>
        paddingCosts(cost, highestCost!).reduce((sum, cost) => sum + workOf(cost), 0);
      assert.equal(paddingWork(undefined), workOf(highestCost!));
      for (const hash of users.values()) {
        assert.ok(hash.method === "bcrypt");
        assert.equal(workOf(hash.cost) + paddingWork(hash.cost), workOf(highestCost!));
      }
    }),
    { seed: 10 },
  );
});

const HASH = await bcrypt({ password: "secret", salt: new Uint8Array(16), costFactor: 4, outputType: "encoded" });

Deno.test("a password is right, wrong or that of nobody, with or without padding", async () => {
  const { verifyPassword } = passwordCalls();
  const ask = async (text: string, hash?: string) => {
    const password = new TextEncoder().encode(text);
    return (await verifyPassword({ password, ...(hash && { hash }), paddingCosts: [4, 5] })).response;
  };
  assert.equal(await ask("secret", HASH), true);
  assert.equal(await ask("Secret", HASH), false);
  assert.equal(await ask("secret"), false);
});

Deno.test("one client has few verifications at a time, others go on, and all together are bounded", async () => {
  const threads = new PasswordThreads(1);
  const password = new TextEncoder().encode("secret");
  const ask = (client: string) => threads.verify(client, { password, hash: HASH, paddingCosts: [] });
  const isTurnedAway = (error: unknown) => error instanceof Refusal && error.status === 503;
  try {
    const first = Array.from({ length: 4 }, () => ask("192.0.2.1"));
    await assert.rejects(() => ask("192.0.2.1"), isTurnedAway);
    const others = Array.from({ length: 28 }, (_, i) => ask(`198.51.100.${i}`));
    await assert.rejects(() => ask("203.0.113.1"), isTurnedAway);
    assert.deepEqual(new Set(await Promise.all([...first, ...others])), new Set([true]));
    assert.equal(await ask("192.0.2.1"), true);
  } finally {
    threads.close();
  }
});
