/** S3 URLs: which place they name, which are refused, and the addresses that requests go to. */
import { doesNotMatch, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import { UsageError } from "../../../src/base/errors.ts";
import {
  bucketStyleOf,
  locationOf,
  parseS3Place,
  regionOfEndpoint,
  s3Url,
} from "../../../src/store/s3/bucket_address.ts";

for (
  const [text, location] of [
    ["https://s3.example.org/bucket/prefix", "s3:https://s3.example.org/bucket/prefix"],
    ["http://127.0.0.1:9000/bucket", "s3:http://127.0.0.1:9000/bucket"],
    ["http://[::1]:9000/bucket/a/b/", "s3:http://[::1]:9000/bucket/a/b"],
    ["s3.amazonaws.com/bucket/prefix", "s3:https://s3.amazonaws.com/bucket/prefix"],
    ["//s3.example.org:8443/bucket//a/./b", "s3:https://s3.example.org:8443/bucket/a/b"],
    ["HTTPS://S3.Example.org/bucket/a%20b", "s3:https://s3.example.org/bucket/a b"],
    ["s3.example.org/bucket/a%20b", "s3:https://s3.example.org/bucket/a%20b"],
  ] as const
) {
  Deno.test(`s3:${text} is ${location}`, () => equal(locationOf(parseS3Place(text)), location));
}

for (
  const text of [
    "",
    "https://",
    "host",
    "https://host/",
    "https://host:port/bucket",
    "https://host/-/x",
    "https://host/bucket/../other",
    "https://host/bucket/a?region=x",
    "https://host/bucket/%zz",
  ]
) {
  Deno.test(`s3:${text} is refused`, () => {
    throws(
      () => parseS3Place(text),
      (thrown) => thrown instanceof UsageError && thrown.message.includes("s3:https://"),
    );
  });
}

Deno.test("keys in the URL are refused and not repeated", () => {
  throws(() => parseS3Place("https://user:very-secret@host/bucket"), (thrown) => {
    doesNotMatch(String(thrown), /very-secret/);
    return thrown instanceof UsageError;
  });
});

Deno.test("buckets stand in the path, and before the host where AWS wants them and certificates allow it", () => {
  const styleOf = (text: string) => bucketStyleOf(parseS3Place(text));
  equal(styleOf("s3.amazonaws.com/backups"), "dns");
  equal(styleOf("s3.eu-west-1.amazonaws.com/backups"), "dns");
  equal(styleOf("s3.eu-west-1.amazonaws.com/back.ups"), "path");
  equal(styleOf("s3.eu-west-1.amazonaws.com/Backups"), "path");
  equal(styleOf("oss-eu-central-1.aliyuncs.com/backups"), "dns");
  equal(styleOf("notamazonaws.com/backups"), "path");
});

Deno.test("the region is read from the endpoints of AWS", () => {
  const regionOf = (host: string) => regionOfEndpoint(new URL(`https://${host}`));
  equal(regionOf("s3.amazonaws.com"), undefined);
  equal(regionOf("s3.eu-west-1.amazonaws.com"), "eu-west-1");
  equal(regionOf("s3-us-west-2.amazonaws.com"), "us-west-2");
  equal(regionOf("s3.dualstack.ap-southeast-2.amazonaws.com"), "ap-southeast-2");
  equal(regionOf("s3.us-gov-east-1.amazonaws.com"), "us-gov-east-1");
  equal(regionOf("s3.cn-north-1.amazonaws.com.cn"), "cn-north-1");
  equal(regionOf("s3.eu-west-1.example.org"), undefined);
});

Deno.test("URLs name bucket and key as the style says, and go to the endpoint of a region", () => {
  const place = parseS3Place("s3.amazonaws.com/backups");
  equal(s3Url(place, { style: "dns", region: "us-east-1", key: "a" }).href, "https://backups.s3.amazonaws.com/a");
  equal(
    s3Url(place, { style: "path", region: "eu-west-1", query: { uploads: "" } }).href,
    "https://s3.eu-west-1.amazonaws.com/backups?uploads=",
  );
});

Deno.test("any key and any parameter survive the way through a URL", () => {
  const place = parseS3Place("http://host:9000/bucket");
  const folder = fc.string({ unit: "grapheme", minLength: 1 })
    .filter((text) => !text.includes("/") && text !== "." && text !== ".." && text.isWellFormed());
  fc.assert(fc.property(fc.array(folder, { minLength: 1, maxLength: 3 }), folder, (folders, value) => {
    const url = s3Url(place, { style: "path", region: "x", key: folders.join("/"), query: { value } });
    equal(url.pathname.split("/").map(decodeURIComponent).join("/"), `/bucket/${folders.join("/")}`);
    equal(url.searchParams.get("value"), value);
  }));
});
