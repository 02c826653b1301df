/** Routes: whatever a URL looks like, it names a file of a repository below the folder, or nothing. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Refusal } from "../../src/server/refusal.ts";
import { parseRoute } from "../../src/server/routes.ts";

const ID = "0123456789abcdef".repeat(4);

const FOUND: readonly (readonly [url: string, target: unknown])[] = [
  ["/healthz", { at: "health" }],
  ["/metrics", { at: "metrics" }],
  ["/config", { at: "file", repository: "", file: { kind: "config", name: "config" } }],
  [`/data/${ID}`, { at: "file", repository: "", file: { kind: "pack", name: ID } }],
  [`/a/b/keys/${ID}?x=1`, { at: "file", repository: "a/b", file: { kind: "key", name: ID } }],
  ["/a/locks/", { at: "folder", repository: "a", kind: "lock" }],
  ["/me%40example.org/index/", { at: "folder", repository: "me@example.org", kind: "index" }],
  [`http://h/data/${ID}`, { at: "file", repository: "", file: { kind: "pack", name: ID } }],
  ["HTTPS://me@h:8000/a/locks/?x", { at: "folder", repository: "a", kind: "lock" }],
  ["/metrics/snapshots/", { at: "folder", repository: "metrics", kind: "snapshot" }],
];

const CREATIONS = [
  ["/a/?create=true", true],
  ["/", false],
  ["/a/b/?create=1", false],
  ["http://h?create=true", true],
] as const;

const REFUSED = [
  "/../data/",
  "/a/../data/",
  "/./data/",
  "/.htpasswd",
  "/.htpasswd/data/",
  "//data/",
  "/a//data/",
  "/%2e%2e/data/",
  "/a%2fb/data/",
  "/a%00/data/",
  "/a%5cb/data/",
  "/%/data/",
  "/a/b/c/data/",
  "/data/data/",
  "/a/keys/data/",
  "/config/data/",
  "/data",
  "/a/b",
  `/data/${ID.toUpperCase()}`,
  `/data/${ID}0`,
  `/data/${ID}/`,
  `/data/../keys/${ID}`,
  `/data/ab/${ID}`,
  "/a b/data/",
  "/-a/data/",
  "data/",
  "",
  "*",
  "http:///data/",
  "ftp://h/data/",
  "http://h/../data/",
  "/http://h/data/",
  "/lost+found/data/",
  "/a/lost%2bfound/data/",
  `/${"a".repeat(129)}/data/`,
  "/metrics/x",
  "/config/",
];

Deno.test("routes: paths of the protocol", () => {
  for (const [url, target] of FOUND) assert.deepEqual(parseRoute("GET", url), target, url);
  for (const [url, create] of CREATIONS) {
    const target = parseRoute("POST", url);
    assert.ok(target.at === "root" && target.create === create, url);
  }
});

Deno.test("routes: what is no path of the protocol is not found", () => {
  for (const url of REFUSED) {
    assert.throws(() => parseRoute("GET", url), (error) => error instanceof Refusal && error.status === 404, url);
  }
});

Deno.test("routes: no URL leads out of the folder or to a hidden file", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "..",
      ".",
      "",
      "data",
      "keys",
      "config",
      ID,
      "%2e",
      "%2f",
      "%2e%2e%2f",
      "a",
      "~",
      "\\",
      "%",
      "?",
      "#",
      "\0",
    ),
    fc.string({ maxLength: 6 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 7 }), fc.constantFrom("/", ""), (pieces, separator) => {
      let target;
      try {
        target = parseRoute("GET", `/${pieces.join(separator)}`);
      } catch (error) {
        return assert.ok(error instanceof Refusal, String(error));
      }
      if (!("repository" in target)) return;
      assert.match(target.repository, /^([A-Za-z0-9_][A-Za-z0-9._@+-]*(\/[A-Za-z0-9_][A-Za-z0-9._@+-]*)?)?$/);
      if (target.at === "file") assert.match(target.file.name, /^([0-9a-f]{64}|config)$/);
    }),
    { numRuns: 3000, seed: 7 },
  );
});
