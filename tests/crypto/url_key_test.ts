/** The key that signs URLs: the bytes that docs/format.md promises, and what it depends on. */
import { equal, notDeepEqual, ok } from "node:assert/strict";
import { hkdfSync } from "node:crypto";
import { asId, type SnapshotId } from "../../src/base/id.ts";
import { readSignedUrl, signUrl } from "../../src/gateway/signed_url.ts";
import { deriveUrlKey } from "../../src/crypto/url_key.ts";

const ascending = (length: number, first: number) => Uint8Array.from({ length }, (_, i) => first + i);
const KEYS = { encrypt: ascending(32, 0x00), macK: ascending(16, 0x20), macR: ascending(16, 0x30) };
const NONCE = ascending(32, 0x40);

Deno.test("The key is HKDF-SHA-256 of the repository's keys, r as Poly1305 uses it, with the nonce as salt", () => {
  const r = "30313203343536073839" + "3a0b3c3d3e0f";
  const secret = Uint8Array.fromHex(KEYS.encrypt.toHex() + KEYS.macK.toHex() + r);
  const expected = new Uint8Array(hkdfSync("sha256", secret, NONCE, "agent gateway url/1", 32));
  equal(deriveUrlKey(KEYS, NONCE).toHex(), expected.toHex());
});

Deno.test("The key and the URL are those of docs/format.md", async () => {
  const documented = (await Deno.readTextFile(new URL("../../docs/format.md", import.meta.url))).replaceAll("\n", "");
  const key = deriveUrlKey(KEYS, NONCE);
  equal(key.toHex(), "bb82ff30dddc65ecabebf1fb7e86133bab03336c5d37623a678763dc850b2350");
  const url = signUrl(key, "http://127.0.0.1:8088/", {
    snapshot: asId<SnapshotId>("0123456789abcdef".repeat(4)),
    kind: "stream",
    path: ["prod", "shop", "größe 1.sql"],
    expiresMs: 1_800_000_060_000,
  });
  equal(
    url,
    "http://127.0.0.1:8088/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef/stream/prod/shop/" +
      "gr%C3%B6%C3%9Fe%201.sql?expires=1800000060&signature=8JqMw4ZFMdA3stH8Wg_DD5O31-Gd5pO4YQ4V1UXmJRE",
  );
  for (const text of [key.toHex(), url, NONCE.toBase64()]) ok(documented.includes(text), text);
  equal(readSignedUrl([key], { method: "HEAD", url: url.slice("http://127.0.0.1:8088".length) }, 0).refusal, null);
});

Deno.test("Key files with r as it is and as Poly1305 uses it give the same key", () => {
  const clampedR = Uint8Array.fromHex("303132033435360738393a0b3c3d3e0f");
  equal(deriveUrlKey({ ...KEYS, macR: clampedR }, NONCE).toHex(), deriveUrlKey(KEYS, NONCE).toHex());
});

Deno.test("Every key of the repository and the nonce make a difference", () => {
  const key = deriveUrlKey(KEYS, NONCE);
  for (
    const other of [
      deriveUrlKey(KEYS, NONCE.with(31, 0)),
      deriveUrlKey({ ...KEYS, encrypt: KEYS.encrypt.with(0, 1) }, NONCE),
      deriveUrlKey({ ...KEYS, macK: KEYS.macK.with(0, 0) }, NONCE),
      deriveUrlKey({ ...KEYS, macR: KEYS.macR.with(0, 0) }, NONCE),
    ]
  ) notDeepEqual(other, key);
});
