/** URIs of libpq: the parser against libpq itself, and what is refused. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { UsageError } from "../../../src/base/errors.ts";
import { parsePostgresqlUri } from "../../../src/engine/postgresql/postgresql_uri.ts";
import { programTest } from "../../helpers/programs.ts";
import { Libpq } from "./libpq.ts";

const OWN = ["format", "schema", "databases"];

function parse(text: string): Record<string, string> {
  return Object.fromEntries(parsePostgresqlUri("postgresql", text, OWN).connection);
}

Deno.test("a URI has several hosts, ports, sockets and addresses of IPv6", () => {
  assert.deepEqual(
    parse("//user:pw@h1:1,h2:2,[::1]/db?host=/run/postgresql&target_session_attrs=read-write"),
    {
      user: "user",
      password: "pw",
      host: "/run/postgresql",
      port: "1,2,",
      dbname: "db",
      target_session_attrs: "read-write",
    },
  );
  assert.deepEqual(parse("//"), {});
  assert.deepEqual(parse("///db"), { dbname: "db" });
  assert.deepEqual(parse("//%2Frun%2Fpostgresql/s%C3%BC%20%22"), { host: "/run/postgresql", dbname: 's\u00fc "' });
  assert.deepEqual(parse("//[fe80::1]:6000,b?ssl=true"), { host: "fe80::1,b", port: "6000,", sslmode: "require" });
});

Deno.test("other parameters are divided at commas before they are decoded, and may be repeated", () => {
  const { others } = parsePostgresqlUri("postgres", "///?schema=a,b%2Cc&format=plain&schema=d&", OWN);
  assert.deepEqual([...others], [["schema", ["a", "b,c", "d"]], ["format", ["plain"]]]);
});

const REFUSED: readonly (readonly [text: string, message: RegExp])[] = [
  ["db", /two slashes/],
  ["//[::1", /not whole/],
  ["//[]/", /not whole/],
  ["//[::1]x/", /only a colon/],
  ["//h?port", /has no =/],
  ["//h?&", /has no =/],
  ["//h?format=a=b", /second one as %3D/],
  ["//h/%zz", /no two digits/],
  ["//h/%00", /%00 is not allowed/],
  ["//h/%ff", /not stand for UTF-8/],
  ["//h?formt=plain", /no parameter "formt"; did you mean "format"\?/],
  ["//h?sslmod=require", /did you mean "sslmode"\?/],
  ["//h?qwertz=1", /it has format, schema, databases and those of libpq$/],
  ["//h?sslpassword=x", /process list.*service/],
  ["//u:SECRET/SECRET@h/db", /write \/ and @ in its name as %2F and %40, and write .* password/],
];

Deno.test("what is no URI is refused, and no message quotes what may be a password", () => {
  for (const [text, message] of REFUSED) {
    assert.throws(() => parsePostgresqlUri("postgresql", text, OWN), (error) => {
      assert.ok(error instanceof UsageError, text);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /SECRET/);
      return true;
    });
  }
});

/** Pieces of URIs in any order: most are whole, some are not. */
const PIECE = fc.oneof(
  fc.constantFrom(
    "u",
    "pw",
    "h1",
    "db",
    "@",
    ":",
    "/",
    ",",
    "?",
    "&",
    "=",
    "%2F",
    "%40",
    "%41",
    "[",
    "]",
    "::1",
    "5433",
  ),
  fc.constantFrom(
    "user=x",
    "host=",
    "host=/run",
    "port=1,2",
    "ssl=true",
    "ssl=no",
    "sslmode=require",
    "dbname=",
    "\u00fc",
  ),
  fc.constantFrom("%", "%0", "%00", "%c3%bc", "%zz"),
);
const URI = fc.oneof(
  fc.array(PIECE, { maxLength: 12 }).map((pieces) => `//${pieces.join("")}`),
  fc.tuple(
    fc.constantFrom("", "u@", "u:p@", ":p@", "@", "u:p:q@", "u%40:%2F@"),
    fc.constantFrom("", "h", "h:1", "h:1,i:2", "[::1]:3", ",", "h,", "h:", ":5"),
    fc.constantFrom("", "/", "/db", "/d%2Fb"),
    fc.constantFrom("", "?", "?host=/run&port=7", "?user=a&user=b", "?dbname=", "?connect_timeout=3&"),
  ).map((parts) => `//${parts.join("")}`),
);

programTest({
  name: "libpq reads every URI in the same way",
  needs: ["psql"],
  fn() {
    using libpq = new Libpq();
    let accepted = 0;
    fc.assert(
      fc.property(URI, (text) => {
        const expected = libpq.parse(`postgresql:${text}`);
        let own: Record<string, string>;
        try {
          own = parse(text);
        } catch (error) {
          assert.ok(error instanceof UsageError, String(error));
          // These libpq accepts: they are rather parts of a password.
          if (/its name as %2F/.test(error.message)) return;
          // Nor has any name bytes that are no text.
          if (/do not stand for UTF-8/.test(error.message)) return;
          assert.equal(expected, null, `libpq accepts ${text}: ${error.message}`);
          return;
        }
        accepted++;
        assert.deepEqual(own, expected, text);
      }),
      { seed: 14, numRuns: 5000 },
    );
    assert.ok(accepted > 1000, `${accepted}`);
  },
});
