/** Roles that dumps of PostgreSQL name, wherever their bytes are cut. */
import { deepEqual } from "node:assert/strict";
import fc from "fast-check";
import { DumpedRoles } from "../../../src/engine/scratch/dumped_roles.ts";

const DUMP = `ALTER TABLE public.orders OWNER TO app;
GRANT SELECT,INSERT ON TABLE public.orders TO "The ""App""";
GRANT ALL ON SCHEMA public TO PUBLIC;
GRANT SELECT ON TABLE public.orders TO reader WITH GRANT OPTION;
REVOKE ALL ON TABLE public.orders FROM "Größe";
ALTER DEFAULT PRIVILEGES FOR ROLE maker IN SCHEMA public GRANT SELECT ON TABLES TO taker;
CREATE POLICY own ON public.orders FOR SELECT TO one, "two, three" USING (true);
ALTER FUNCTION public.f() OWNER TO app;
`;

Deno.test("every role that a dump names is found once, before its statement is whole", () => {
  const bytes = new TextEncoder().encode(DUMP);
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 12 }), (cuts) => {
      const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
      const roles = new DumpedRoles();
      const found = places.slice(1).flatMap((end, i) => roles.push(bytes.subarray(places[i], end)));
      const expected = ["app", '"The ""App"""', "reader", '"Größe"', "taker", "one", '"two, three"'];
      deepEqual(expected.filter((name) => !found.includes(name)), []);
      deepEqual(found.length, new Set(found).size);
    }),
    { seed: 14, numRuns: 200 },
  );
});
