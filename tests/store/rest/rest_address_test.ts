/** Addresses of REST repositories: what they mean, and that no password shows. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { UsageError } from "../../../src/base/errors.ts";
import { parseRestPlace } from "../../../src/store/rest/rest_address.ts";

Deno.test("an address is taken apart", () => {
  const place = parseRestPlace("https://backup.example.org:8000/shop/prod");
  assert.equal(place.base.href, "https://backup.example.org:8000/shop/prod/");
  assert.equal(place.location, "rest:https://backup.example.org:8000/shop/prod/");
  assert.equal(place.credentials, undefined);
  assert.equal(place.socketPath, undefined);
});

Deno.test("a server without a path is a repository at its root", () => {
  assert.equal(parseRestPlace("http://host:8000").base.href, "http://host:8000/");
});

Deno.test("user and password are percent-decoded and leave the address; only the user shows", () => {
  const place = parseRestPlace("http://anna%40shop:p%2Fw%3A%25@host/path/");
  assert.deepEqual(place.credentials, { username: "anna@shop", password: "p/w:%" });
  assert.equal(place.base.href, "http://host/path/");
  assert.equal(place.location, "rest:http://anna%40shop@host/path/");
});

Deno.test("credentials given apart stand in where the address has none", () => {
  const given = { username: "anna", password: "secret" };
  assert.deepEqual(parseRestPlace("http://host/", given).credentials, given);
  assert.equal(parseRestPlace("http://host/", given).location, "rest:http://anna@host/");
  assert.deepEqual(parseRestPlace("http://anna@host/", given).credentials, given);
  assert.deepEqual(parseRestPlace("http://anna@host/", { password: "secret" }).credentials, given);
  assert.deepEqual(parseRestPlace("http://bert:own@host/", given).credentials, { username: "bert", password: "own" });
  assert.deepEqual(parseRestPlace("http://bert@host/", given).credentials, { username: "bert", password: "" });
});

Deno.test("a unix socket stands before the path", () => {
  const place = parseRestPlace("http+unix:///run/agent.sock:/shop/");
  assert.equal(place.socketPath, "/run/agent.sock");
  assert.equal(place.base.pathname, "/shop/");
  assert.equal(place.location, "rest:http+unix:///run/agent.sock:/shop/");
  const withUser = parseRestPlace("http+unix://anna:secret@/run/agent.sock:/");
  assert.deepEqual(withUser.credentials, { username: "anna", password: "secret" });
  assert.equal(withUser.location, "rest:http+unix://anna@/run/agent.sock:/");
});

Deno.test("addresses that make no sense are wrong usage, and never quoted", () => {
  const places = [
    "",
    "host:8000/",
    "//u:secret@host/",
    "ftp://u:secret@host/",
    "http://",
    "http://u:secret@host:port/",
    "http://u:secret@host/?x=1",
    "http://u:secret@host/#top",
    "http://u:secret%zz@host/",
    "http+unix://u:secret@host/path",
    "http+unix:///run/secret.sock",
  ];
  for (const place of places) {
    assert.throws(() => parseRestPlace(place), (thrown: unknown) => {
      assert.ok(thrown instanceof UsageError, place);
      assert.ok(!thrown.message.includes("secret"), thrown.message);
      return true;
    }, place);
  }
});

Deno.test("whatever a password is, it comes back whole and does not show", () => {
  const secret = fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => text.isWellFormed());
  fc.assert(
    fc.property(secret, secret, (username, password) => {
      const userInfo = `${encodeURIComponent(username)}:${encodeURIComponent(`<${password}>`)}`;
      const place = parseRestPlace(`http://${userInfo}@host/`);
      assert.deepEqual(place.credentials, { username, password: `<${password}>` });
      assert.equal(place.location, `rest:http://${encodeURIComponent(username)}@host/`);
    }),
    { seed: 7 },
  );
});
