/** Web pages that come instead of files. */
import assert from "node:assert/strict";
import { isHtml, isWebPage } from "../../../src/store/http/web_page.ts";

Deno.test("a web page is told from a file and from an S3 document", () => {
  const isPage = (text: string) => isWebPage(new TextEncoder().encode(text));
  assert.ok(isPage("<!DOCTYPE html>") && isPage("\n  <html lang=en>") && isPage("<HTML>"));
  for (const text of ["", "<a>", "[]", "<Error><Code>x</Code></Error>", '<?xml version="1.0"?><Error/>', "a <html>"]) {
    assert.ok(!isPage(text), text);
  }
});

Deno.test("an answer without a body calls itself a web page by its type", () => {
  const isPage = (type: string) =>
    isHtml({ status: 200, headers: new Map([["content-type", type]]), body: new Uint8Array(0) });
  assert.ok(isPage("text/html") && isPage("TEXT/HTML; charset=utf-8"));
  assert.ok(!isPage("text/htmlx") && !isPage("application/octet-stream") && !isPage(""));
});
