/** Who has to leave when there are too many connections: never a client that has fewer than another. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Duplex } from "node:stream";
import { Admission, clientOf } from "../../../src/server/connection/admission.ts";

function connections(count: number): Duplex[] {
  return Array.from({ length: count }, () => new Duplex());
}

Deno.test("while there is room nobody leaves, and a client elsewhere has a limit of its own", () => {
  const admission = new Admission({ mostConnections: 10, mostOfOneClient: 2 });
  const [a, b, c, d] = connections(4) as [Duplex, Duplex, Duplex, Duplex];
  assert.equal(admission.admit(a, "192.0.2.1", []), undefined);
  assert.equal(admission.admit(b, "192.0.2.1", []), undefined);
  assert.equal(admission.admit(c, "192.0.2.1", []), c, "refused where none of its own is idle");
  assert.equal(admission.admit(c, "192.0.2.1", [b]), b, "its own idle one makes way");
  assert.equal(admission.admit(d, "192.0.2.2", []), undefined);
  assert.equal(admission.size, 3);
});

Deno.test("a proxy on this machine, and whoever comes over a unix socket, may have all places", () => {
  for (const client of ["127.0.0.1", "::1", ""]) {
    const admission = new Admission({ mostConnections: 5, mostOfOneClient: 1 });
    for (const connection of connections(5)) assert.equal(admission.admit(connection, client, []), undefined, client);
  }
});

Deno.test("in a full house whoever has the most gives one up, an idle one before a busy one", () => {
  const admission = new Admission({ mostConnections: 4, mostOfOneClient: 4 });
  const [a, b, c, d, e, f] = connections(6) as [Duplex, Duplex, Duplex, Duplex, Duplex, Duplex];
  for (const connection of [a, b, c]) admission.admit(connection, "192.0.2.1", []);
  admission.admit(d, "192.0.2.2", []);
  assert.equal(admission.admit(e, "192.0.2.3", [d, c]), c);
  assert.equal(admission.admit(f, "192.0.2.3", [d]), d, "of as many each, whoever is idle");
  const late = new Duplex();
  assert.equal(admission.admit(late, "192.0.2.1", []), late, "none of those that have as many");
});

Deno.test("whatever comes and goes, a client is never cut below its equal share", () => {
  const step = fc.record({ client: fc.integer({ min: 0, max: 5 }), leaves: fc.boolean(), isIdle: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 12 }), (steps, most) => {
      const admission = new Admission<Duplex>({ mostConnections: most, mostOfOneClient: most });
      const open = new Map<Duplex, string>();
      const idle = new Set<Duplex>();
      const countOf = (client: string) => [...open.values()].filter((other) => other === client).length;
      for (const { client: number, leaves, isIdle } of steps) {
        const client = `192.0.2.${number}`;
        const own = [...open].find(([, other]) => other === client)?.[0];
        if (leaves && own) {
          admission.leave(own);
          open.delete(own);
          idle.delete(own);
          continue;
        }
        const connection = new Duplex();
        const leaving = admission.admit(connection, client, idle);
        if (leaving && leaving !== connection) {
          const loser = open.get(leaving)!;
          assert.ok(idle.has(leaving) || countOf(loser) > countOf(client) + 1);
          open.delete(leaving);
          idle.delete(leaving);
        }
        if (leaving === connection) assert.equal(open.size, most);
        else open.set(connection, client);
        if (isIdle && leaving !== connection) idle.add(connection);
        assert.ok(open.size <= most);
        assert.deepEqual(new Set(admission.all()), new Set(open.keys()));
      }
    }),
    { seed: 10 },
  );
});

Deno.test("a client is an address, or a network where a network is what one has", () => {
  assert.equal(clientOf("192.0.2.1"), "192.0.2.1");
  assert.equal(clientOf("::ffff:192.0.2.1"), "192.0.2.1");
  assert.equal(clientOf(undefined), "");
  assert.equal(clientOf("::1"), "::1");
  assert.equal(clientOf("2001:db8:0:7::1"), "2001:db8:0:7::/64");
  assert.equal(clientOf("2001:0DB8::7:0:0:0:1"), "2001:db8:0:7::/64");
  assert.equal(clientOf("fe80::1%eth0"), "fe80:0:0:0::/64");
  assert.equal(clientOf("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
});
