/** Addresses: what URLs make of them, and the connection strings that programs get. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  connectionString,
  parsePostgresqlUrl,
  passwordFileText,
  placeOf,
} from "../../../src/engine/postgresql/postgresql_address.ts";
import { programTest } from "../../helpers/programs.ts";
import { Libpq } from "./libpq.ts";

const parse = (text: string) => parsePostgresqlUrl({ scheme: "postgresql", text }, []).address;

Deno.test("an address has its hosts with their ports, and is told without user and password", () => {
  const address = parse("//u:pw@h1:1,[::1],/db?target_session_attrs=primary");
  assert.deepEqual(address, {
    user: "u",
    password: "pw",
    hosts: [{ host: "h1", port: 1 }, { host: "::1", port: null }, { host: null, port: null }],
    database: "db",
    parameters: new Map([["target_session_attrs", "primary"]]),
  });
  assert.equal(placeOf(address), "at h1:1 or [::1] or this machine");
  assert.deepEqual(parse("//a,b/?port=7").hosts, [{ host: "a", port: 7 }, { host: "b", port: 7 }]);
  assert.equal(placeOf(parse("///?host=/run/postgresql&port=7")), "at /run/postgresql:7");
  assert.equal(placeOf(parse("///?service=shop")), "of the service shop");
  assert.equal(placeOf(parse("//")), "on this machine, or where PGHOST says");
  assert.throws(() => parse("//h/a%0Ab"), /control character/);
});

Deno.test("a password file has one password for every server", () => {
  assert.equal(passwordFileText("a:b\\c "), "*:*:*:*:a\\:b\\\\c \n");
});

programTest({
  name: "libpq reads every connection string as the address that it was made of",
  needs: ["psql"],
  fn() {
    using libpq = new Libpq();
    const text = fc.string({ minLength: 1, unit: fc.constantFrom("a", " ", "'", "\\", "=", "\u00fc", '"', "%", ":") });
    const hosts = fc.array(fc.record({ host: fc.option(text), port: fc.option(fc.integer({ min: 1, max: 65535 })) }));
    fc.assert(
      fc.property(fc.option(text), text, hosts, text, (user, database, hosts, options) => {
        const address = {
          user,
          password: "SECRET",
          hosts,
          database: null,
          parameters: new Map([["options", options]]),
        };
        const made = connectionString(address, { database, parameters: { passfile: "/a b" } });
        assert.ok(!made.includes("SECRET"));
        assert.deepEqual(libpq.parse(made), {
          ...user === null ? {} : { user },
          ...hosts.some(({ host }) => host !== null) ? { host: hosts.map(({ host }) => host ?? "").join(",") } : {},
          ...hosts.some(({ port }) => port !== null) ? { port: hosts.map(({ port }) => port ?? "").join(",") } : {},
          dbname: database,
          options,
          passfile: "/a b",
        });
      }),
      { seed: 14, numRuns: 500 },
    );
  },
});
