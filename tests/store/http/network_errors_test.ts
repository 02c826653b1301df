/** What the codes of network failures mean; how they come about is tested with real connections. */
import assert from "node:assert/strict";
import { DeniedError, NotFoundError, StoreError, TemporaryError } from "../../../src/base/errors.ts";
import { networkError } from "../../../src/store/http/network_errors.ts";

const ORIGIN = "https://backup.example.org:8000";

function failure(code: string, more: object = {}): Error {
  return Object.assign(new Error("deep inside"), { code, ...more });
}

Deno.test("each code becomes the error that tells whether trying again helps", () => {
  const expected: readonly (readonly [abstract new (...args: never[]) => StoreError, readonly string[]])[] = [
    [TemporaryError, ["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "EAI_AGAIN"]],
    [TemporaryError, ["HPE_INVALID_EOF_STATE", "EMFILE", "SOMETHING_ELSE"]],
    [StoreError, ["ENOTFOUND", "EAI_NONAME", "ENOENT", "CERT_HAS_EXPIRED", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"]],
    [StoreError, ["DEPTH_ZERO_SELF_SIGNED_CERT", "ERR_TLS_CERT_ALTNAME_INVALID", "ERR_SSL_WRONG_VERSION_NUMBER"]],
    [StoreError, ["HPE_INVALID_CONSTANT", "HPE_HEADER_OVERFLOW"]],
    [DeniedError, ["EACCES", "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED"]],
  ];
  for (const [type, codes] of expected) {
    for (const code of codes) {
      const cause = failure(code);
      const error = networkError(cause, ORIGIN);
      assert.equal(error.constructor, type, code);
      assert.equal(error.cause, cause, code);
      assert.ok(error.message.startsWith(`Cannot reach ${ORIGIN}: `), error.message);
      assert.equal((error as StoreError).retryable, type === TemporaryError, code);
    }
  }
});

Deno.test("a certificate for other names tells which", () => {
  const cert = { subjectaltname: "DNS:a.example.org, IP Address:192.0.2.1" };
  const { message } = networkError(failure("ERR_TLS_CERT_ALTNAME_INVALID", { cert }), ORIGIN);
  assert.match(message, /valid for a\.example\.org, 192\.0\.2\.1/);
});

Deno.test("errors of this project come back as they are, and anything may be thrown", () => {
  const known = new NotFoundError("known");
  assert.equal(networkError(known, ORIGIN), known);
  for (const thrown of [undefined, null, "text", 7, new Error("plain")]) {
    assert.ok(networkError(thrown, ORIGIN) instanceof TemporaryError);
  }
});
