/** Addresses of MariaDB and MySQL servers: every part, what is refused, and that no password gets into a message. */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import fc from "fast-check";
import { UsageError } from "../../../src/base/errors.ts";
import { parseEngineUrl } from "../../../src/engine/engine_urls.ts";
import { type MysqlUrl, parseMysqlUrl, placeOf } from "../../../src/engine/mysql/mysql_address.ts";

function parsed(text: string): MysqlUrl {
  return parseMysqlUrl(parseEngineUrl(text)!);
}

const NOTHING = {
  user: null,
  password: null,
  host: null,
  port: null,
  socket: null,
  optionFile: null,
  database: null,
};

Deno.test("an address has user, password, host, port, socket and database, each of which may be absent", () => {
  deepEqual(parsed("mysql://").address, NOTHING);
  deepEqual(parsed("mysql:///shop").address, { ...NOTHING, database: "shop" });
  deepEqual(parsed("mariadb://root@db.example:3307/shop").address, {
    ...NOTHING,
    user: "root",
    host: "db.example",
    port: 3307,
    database: "shop",
  });
  deepEqual(parsed("mysql://backup:s%40e:c@ret@[::1]:3306/?socket=/run/m%2Cy.sock").address, {
    ...NOTHING,
    user: "backup",
    password: "s@e:c@ret",
    host: "::1",
    port: 3306,
    socket: "/run/m,y.sock",
  });
  equal(parsed("mysql:///a?defaults-file=/etc/backup.cnf").address.optionFile, "/etc/backup.cnf");
  equal(parsed("mysql://u:@h/").address.password, "");
});

Deno.test("names are decoded after the URL is taken apart, and lists are divided at commas before", () => {
  equal(parsed("mysql:///B%C3%BCcher%2F2%3F").address.database, "Bücher/2?");
  deepEqual([...parsed("mysql:///?databases=a,b%2Cc&databases=d&users").parameters], [
    ["databases", ["a", "b,c", "d"]],
    ["users", [""]],
  ]);
});

Deno.test("what is no address is refused", () => {
  for (
    const text of ["mysql:shop", "mysql:/shop", "mysql://h/a/b", "mysql://h:0/", "mysql://h:70000/", "mysql://[::1/"]
  ) {
    throws(() => parsed(text), UsageError, text);
  }
  for (const text of ["mysql://h/a%00b", "mysql://u%0A@h/", "mysql:///?socket=", "mysql:///?socket=a,b"]) {
    throws(() => parsed(text), UsageError, text);
  }
});

Deno.test("no message has a part of the password, even if the password cuts the URL", () => {
  const wrong = [
    "mysql://u:SECRET/SECRET@h/db",
    "mysql://u:SECRET?SECRET@h/db",
    "mysql://u:SECRET@h:x/db",
    "mysql:u:SECRET@h",
  ];
  for (const text of [...wrong, "mysql://u:SECRET%00@h/", "mysql://u:SECRET@h/a/b", "mysql://u:SECRET#x:y@h:z/db"]) {
    throws(() => parsed(text), (error) => error instanceof UsageError && !error.message.includes("SECRET"), text);
  }
});

Deno.test("any user, password and database survive their URL", () => {
  const name = fc.string({ minLength: 1, unit: "grapheme" }).filter((text) =>
    !/\p{Cc}/u.test(text) && text.isWellFormed()
  );
  const encode = encodeURIComponent;
  fc.assert(
    fc.property(name, name, name, (user, password, database) => {
      const { address } = parsed(`mysql://${encode(user)}:${encode(password)}@h/${encode(database)}`);
      deepEqual(address, { ...NOTHING, user, password, database, host: "h" });
      ok(!placeOf(address).includes(`:${password}@`));
    }),
    { seed: 14 },
  );
});
