/** Signatures against the examples that AWS publishes for S3 (Signature Calculations for the Authorization Header). */
import { equal, ok } from "node:assert/strict";
import type { HttpRequest } from "../../../src/store/http/client.ts";
import { parseS3Place, s3Url } from "../../../src/store/s3/bucket_address.ts";
import { EMPTY_SHA256, signedHeaders } from "../../../src/store/s3/signing.ts";

const CREDENTIALS = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};
const PLACE = parseS3Place("https://s3.amazonaws.com/examplebucket");

interface Example {
  readonly method: HttpRequest["method"];
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly sha256?: string;
  readonly sessionToken?: string;
}

async function authorizationOf({ method, key = "", query = {}, headers = {}, sha256, sessionToken }: Example) {
  const url = s3Url(PLACE, { style: "dns", region: "us-east-1", key, query });
  return await signedHeaders({ method, url, headers }, {
    credentials: { ...CREDENTIALS, ...(sessionToken === undefined ? {} : { sessionToken }) },
    region: "us-east-1",
    sha256: sha256 ?? EMPTY_SHA256,
    now: new Date("2013-05-24T00:00:00Z"),
    keys: new Map(),
  });
}

const EXAMPLES: Readonly<Record<string, readonly [Example, string]>> = {
  "a part of an object": [
    { method: "GET", key: "test.txt", headers: { range: "bytes=0-9" } },
    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  ],
  "a put into a storage class": [
    {
      method: "PUT",
      key: "test$file.text",
      headers: { date: "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY" },
      sha256: "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
    },
    "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
  ],
  "a parameter without a value": [
    { method: "GET", query: { lifecycle: "" } },
    "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
  ],
  "a listing": [
    { method: "GET", query: { prefix: "J", "max-keys": "2" } },
    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
  ],
};

for (const [name, [example, signature]] of Object.entries(EXAMPLES)) {
  Deno.test(`the signature of ${name} is that of AWS's example`, async () => {
    const { authorization } = await authorizationOf(example);
    equal(/Signature=(.*)$/.exec(authorization ?? "")?.[1], signature);
  });
}

Deno.test("a session token is sent and signed", async () => {
  const headers = await authorizationOf({ method: "GET", sessionToken: "lent" });
  equal(headers["x-amz-security-token"], "lent");
  ok(headers["authorization"]?.includes("x-amz-security-token"));
});
