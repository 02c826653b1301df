/** The XML documents of S3: read where they are whole, refused where they are not. */
import { deepEqual, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import {
  completeUploadDocument,
  readErrorDocument,
  readListPage,
  readUploadId,
  S3DocumentError,
} from "../../../src/store/s3/xml.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const page = (inner: string) => bytes(`<?xml version="1.0"?><ListBucketResult>${inner}</ListBucketResult>`);

Deno.test("a page of a listing is read, with keys as they are or escaped", () => {
  const rows =
    "<Contents><Key>a%20b+c</Key><Size>5</Size></Contents><Contents><Key>&lt;</Key><Size>0</Size></Contents>";
  deepEqual(readListPage(page(rows)), {
    objects: [{ key: "a%20b+c", sizeBytes: 5 }, { key: "<", sizeBytes: 0 }],
    nextToken: undefined,
  });
  const more = "<IsTruncated>true</IsTruncated><NextContinuationToken>x/y=</NextContinuationToken>";
  deepEqual(readListPage(page(`<EncodingType>url</EncodingType>${rows}${more}`)), {
    objects: [{ key: "a b c", sizeBytes: 5 }, { key: "<", sizeBytes: 0 }],
    nextToken: "x/y=",
  });
});

Deno.test("a key with malformed escapes is passed over", () => {
  const rows = "<EncodingType>url</EncodingType><Contents><Key>%zz</Key><Size>5</Size></Contents>";
  deepEqual(readListPage(page(rows)).objects, []);
});

for (
  const [what, body, token] of [
    ["a web page", bytes("<!doctype html><html><body>Welcome<br></body></html>"), undefined],
    ["nothing", bytes(""), undefined],
    ["no text", new Uint8Array([0xff, 0xfe, 0]), undefined],
    ["another document", bytes("<ListAllMyBucketsResult/>"), undefined],
    ["a row without a key", page("<Contents><Size>5</Size></Contents>"), undefined],
    ["a row without a size", page("<Contents><Key>a</Key></Contents>"), undefined],
    ["a negative size", page("<Contents><Key>a</Key><Size>-1</Size></Contents>"), undefined],
    ["a huge size", page("<Contents><Key>a</Key><Size>99999999999999999999</Size></Contents>"), undefined],
    ["no next page where there is one", page("<IsTruncated>true</IsTruncated>"), undefined],
    [
      "the same page again",
      page("<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"),
      "t",
    ],
    [
      "entities of its own",
      bytes('<!DOCTYPE x [<!ENTITY a "b">]><ListBucketResult><Contents><Key>&a;</Key></Contents></ListBucketResult>'),
      undefined,
    ],
  ] as const
) {
  Deno.test(`a listing that is ${what} is refused`, () => throws(() => readListPage(body, token), S3DocumentError));
}

Deno.test("what is no error document is none", () => {
  for (const text of ["", "<Error/>", "<Error><Code/></Error>", "<html/>", "no XML", "<Error><Code>x</Error>"]) {
    equal(readErrorDocument(bytes(text)), undefined, text);
  }
});

Deno.test("an upload without an id is refused", () => {
  throws(() => readUploadId(bytes("<InitiateMultipartUploadResult/>")), S3DocumentError);
  throws(() => readUploadId(bytes("<Error><UploadId>x</UploadId></Error>")), S3DocumentError);
});

Deno.test("etags cannot change the document that ends an upload", () => {
  equal(
    completeUploadDocument(['"a"', "</ETag>&"]).replace(/^.*?>/, ""),
    "<Part><PartNumber>1</PartNumber><ETag>&#34;a&#34;</ETag></Part>" +
      "<Part><PartNumber>2</PartNumber><ETag>&#60;/ETag&#62;&#38;</ETag></Part></CompleteMultipartUpload>",
  );
});

Deno.test("no bytes make the readers throw anything else", () => {
  const soup = fc.oneof(fc.uint8Array(), fc.string().map(bytes), fc.string().map((text) => page(text)));
  fc.assert(fc.property(soup, (body) => {
    readErrorDocument(body);
    try {
      readListPage(body);
    } catch (error) {
      equal((error as Error).constructor, S3DocumentError);
    }
  }));
});
