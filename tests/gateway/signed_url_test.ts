/** Signed URLs: what is signed is read again, and nothing that was changed in any way is. */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import fc from "fast-check";
import { createHmac } from "node:crypto";
import { UsageError } from "../../src/base/errors.ts";
import { asId, type SnapshotId } from "../../src/base/id.ts";
import type { UrlKey } from "../../src/crypto/url_key.ts";
import {
  parseGatewayUrl,
  readSignedUrl,
  signUrl,
  URL_KINDS,
  type UrlKind,
  type UrlTarget,
} from "../../src/gateway/signed_url.ts";

const KEY = new Uint8Array(32).fill(7) as Uint8Array as UrlKey;
const BASE = "https://backups.example.org/";
const NOW_MS = 1_800_000_000_000;
const SNAPSHOT = asId<SnapshotId>("00112233445566778899aabbccddeeff".repeat(2));

const TARGET: UrlTarget = {
  snapshot: SNAPSHOT,
  kind: "stream",
  path: ["prod", "shop", "größe 1.sql"],
  expiresMs: NOW_MS + 60_000,
};

/** The path and query of a target's URL. */
function urlOf(target: UrlTarget, key = KEY): string {
  return signUrl(key, BASE, target).slice(BASE.length - 1);
}

function refusalOf(url: string, { method = "GET", keys = [KEY], nowMs = NOW_MS } = {}): string | null {
  return readSignedUrl(keys, { method, url }, nowMs).refusal;
}

const byte = fc.oneof(
  fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
  fc.constantFrom("%", "/", "ä", "€", "🙂", "\u0000", "\u00a0", "\udc80", "\udcff", "..", "%2e", "%2F", "+", "?"),
);
const name = fc.array(byte, { minLength: 1, maxLength: 8 }).map((characters) => characters.join(""))
  .filter((text) => text !== "." && text !== "..");
const someTarget: fc.Arbitrary<UrlTarget> = fc.record({
  snapshot: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => asId<SnapshotId>(bytes.toHex())),
  kind: fc.constantFrom<UrlKind>(...URL_KINDS),
  names: fc.array(name, { minLength: 2, maxLength: 5 }),
  archive: fc.constantFrom("backup.tar", "backup.zip"),
  seconds: fc.integer({ min: 1, max: 10 * 366 * 86400 }),
}).map(({ snapshot, kind, names, archive, seconds }) => ({
  snapshot,
  kind,
  path: kind === "backup" ? [archive] : kind === "value" ? names.slice(0, 1) : names,
  expiresMs: NOW_MS + seconds * 1000,
}));

Deno.test("A URL gives what was signed, to GET and HEAD, until its last millisecond", () => {
  fc.assert(fc.property(someTarget, (target) => {
    const url = urlOf(target);
    for (const method of ["GET", "HEAD"]) {
      deepEqual(readSignedUrl([KEY], { method, url }, target.expiresMs - 1), { target, refusal: null });
    }
    equal(refusalOf(url, { nowMs: target.expiresMs }), "expired");
    equal(refusalOf(url, { nowMs: target.expiresMs + 60_000 }), "expired");
  }));
});

Deno.test("A URL is plain ASCII that no client changes on the way", () => {
  fc.assert(fc.property(someTarget, (target) => {
    const url = signUrl(KEY, BASE, target);
    equal(new URL(url).href, url);
    ok(/^[\x21-\x7e]+$/.test(url));
  }));
});

Deno.test("The text that is signed, and the URL, are those of the documentation", () => {
  const fields = [
    "agent gateway url/1",
    "GET",
    SNAPSHOT,
    "stream",
    "1800000060",
    "prod",
    "shop",
    "größe 1.sql",
  ].map((field) => new TextEncoder().encode(field));
  const mac = createHmac("sha256", KEY);
  for (const field of fields) mac.update(new Uint8Array([0, 0, 0, field.length])).update(field);
  equal(
    signUrl(KEY, BASE, TARGET),
    `https://backups.example.org/${SNAPSHOT}/stream/prod/shop/gr%C3%B6%C3%9Fe%201.sql` +
      `?expires=1800000060&signature=${mac.digest("base64url")}`,
  );
});

Deno.test("A URL that was changed anywhere is refused", () => {
  const change = fc.oneof(
    fc.record({ what: fc.constant("replace" as const), text: fc.oneof(fc.string({ maxLength: 3 }), byte) }),
    fc.record({
      what: fc.constant("insert" as const),
      text: fc.oneof(fc.string({ minLength: 1, maxLength: 3 }), byte),
    }),
    fc.record({ what: fc.constant("remove" as const), text: fc.constant("") }),
    fc.record({ what: fc.constant("encode" as const), text: fc.constant("") }),
    fc.record({ what: fc.constant("case" as const), text: fc.constant("") }),
  );
  fc.assert(
    fc.property(someTarget, change, fc.nat(), (target, { what, text }, place) => {
      const url = urlOf(target);
      const at = place % url.length;
      const character = url[at]!;
      const put = {
        replace: text,
        insert: text + character,
        remove: "",
        encode: `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
        case: character === character.toUpperCase() ? character.toLowerCase() : character.toUpperCase(),
      }[what];
      const changed = url.slice(0, at) + put + url.slice(at + 1);
      fc.pre(changed !== url);
      ok(["malformed", "signature"].includes(refusalOf(changed) ?? "none"), changed);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("No part of a URL can be exchanged for that of another one", () => {
  fc.assert(fc.property(someTarget, someTarget, (a, b) => {
    const [left, right] = [urlOf(a), urlOf(b)].map((url) => url.split(/(?<=[/?&])/)) as [string[], string[]];
    left.forEach((part, i) => {
      const other = right[i];
      if (other === undefined || other === part) return;
      ok(refusalOf(left.with(i, other).join("")) !== null);
    });
  }));
});

Deno.test("Only one spelling of a URL is valid", () => {
  const url = urlOf(TARGET);
  const [path, query] = url.split("?") as [string, string];
  const [expires, signature] = query.split("&") as [string, string];
  const others = {
    "an unreserved character in percent": url.replace("/prod/", "/pro%64/"),
    "escapes in lower case": url.replaceAll(/%../g, (escape) => escape.toLowerCase()),
    "an escape fewer": url.replace("%20", "+"),
    "a space": url.replace("%20", " "),
    "bytes": url.replace("%C3%B6", "ö"),
    "two slashes": url.replace("/prod", "//prod"),
    "two slashes at the beginning": `/${url}`,
    "a slash at the end": `${path}/?${query}`,
    "a dot segment": url.replace("/prod", "/./prod"),
    "a way back": url.replace("/prod", "/x/../prod"),
    "a way back in percent": url.replace("/prod", "/x/%2E%2E/prod"),
    "a slash in percent": url.replace("/shop", "%2Fshop"),
    "the id in upper case": url.replace(SNAPSHOT, SNAPSHOT.toUpperCase()),
    "the kind in upper case": url.replace("/stream/", "/Stream/"),
    "parameters the other way round": `${path}?${signature}&${expires}`,
    "the expiry twice": `${path}?${expires}&${query}`,
    "the signature twice": `${url}&${signature}`,
    "another parameter": `${url}&x=1`,
    "an empty parameter": `${url}&`,
    "an expiry with a zero": url.replace("expires=", "expires=0"),
    "an expiry with a sign": url.replace("expires=", "expires=+"),
    "an expiry with an exponent": url.replace("expires=1800000060", "expires=180000006e1"),
    "an expiry with a fraction": url.replace("expires=1800000060", "expires=1800000060.0"),
    "an expiry in digits of another script": url.replace("expires=1", "expires=١"),
    "a padded signature": `${url}=`,
    "a signature in hex": `${path}?${expires}&signature=${"0".repeat(64)}`,
    "a fragment": `${url}#x`,
    "a line feed": `${url}\n`,
    "a host": `https://backups.example.org${url}`,
    "a version of the path": url.replace("?", ";v=1?"),
    "nothing": "",
    "the root": "/",
    "no query": path,
    "no signature": `${path}?${expires}`,
    "an empty signature": `${path}?${expires}&signature=`,
    "no expiry": `${path}?${signature}`,
  };
  for (const [what, other] of Object.entries(others)) {
    ok(["malformed", "signature"].includes(refusalOf(other) ?? "none"), what);
  }
});

Deno.test("The last character of a signature has one spelling, too", () => {
  const url = urlOf(TARGET);
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const valid = [...digits].filter((digit) => refusalOf(url.slice(0, -1) + digit) === null);
  deepEqual(valid, [url.at(-1)!]);
});

Deno.test("A URL of another kind, table, snapshot or time has another signature", () => {
  const signatures = new Set(
    [
      TARGET,
      { ...TARGET, kind: "table" as const },
      { ...TARGET, path: ["prod", "shop/größe 1.sql"] },
      { ...TARGET, path: ["prodshop", "größe 1.sql"] },
      { ...TARGET, expiresMs: TARGET.expiresMs + 1000 },
      { ...TARGET, snapshot: asId<SnapshotId>("ff".repeat(32)) },
    ].map((target) => urlOf(target).split("signature=")[1]),
  );
  equal(signatures.size, 6);
});

Deno.test("Another key, or none, makes every URL invalid", () => {
  fc.assert(fc.property(someTarget, fc.uint8Array({ minLength: 32, maxLength: 32 }), (target, bytes) => {
    const url = urlOf(target);
    const other = bytes as Uint8Array as UrlKey;
    equal(refusalOf(url, { keys: [other] }), "signature");
    equal(refusalOf(url, { keys: [] }), "signature");
    equal(refusalOf(url, { keys: [other, KEY] }), null);
  }));
});

Deno.test("Whoever has no valid signature does not hear that a URL expired", () => {
  const url = urlOf(TARGET).replace("expires=1800000060", "expires=1800000061");
  equal(refusalOf(url, { nowMs: NOW_MS + 3_600_000 }), "signature");
});

Deno.test("Other methods than GET and HEAD are refused", () => {
  const url = urlOf(TARGET);
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "get", "Head", ""]) {
    equal(refusalOf(url, { method }), "method");
  }
});

Deno.test("Names that no URL can hold are refused before anything is signed", () => {
  for (const name of ["", ".", "..", "\ud800", "a\udfff"]) {
    throws(() => signUrl(KEY, BASE, { ...TARGET, path: ["a", name] }), UsageError);
  }
  throws(() => signUrl(KEY, BASE, { ...TARGET, path: ["x".repeat(20_000)] }), UsageError);
  equal(refusalOf(urlOf({ ...TARGET, path: Array(16).fill("\udcff".repeat(255)) })), null);
});

Deno.test("The address of a gateway is a plain URL", () => {
  for (
    const [text, address] of [
      ["http://127.0.0.1:8088", "http://127.0.0.1:8088/"],
      ["http://[::1]:8088/", "http://[::1]:8088/"],
      ["https://Backups.Example.org/dl", "https://backups.example.org/dl/"],
    ] as const
  ) equal(parseGatewayUrl(text), address);
  for (
    const text of [
      "",
      "127.0.0.1:8088",
      "ftp://a/",
      "https://me:secret@a/",
      "https://me@a/",
      "https://a/?x",
      "https://a/#x",
    ]
  ) {
    throws(
      () => parseGatewayUrl(text),
      (error) =>
        error instanceof UsageError && error.message.includes("Not the address of a gateway") &&
        !error.message.includes("secret"),
    );
  }
});
