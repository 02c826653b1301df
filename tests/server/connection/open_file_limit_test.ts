/** How many connections the limit of open files leaves room for. */
import assert from "node:assert/strict";
import {
  parseOpenFilesLimit,
  readOpenFilesLimit,
  roomForConnections,
} from "../../../src/server/connection/open_file_limit.ts";

const LIMITS = `Limit                     Soft Limit           Hard Limit           Units     
Max processes             61440                61440                processes 
Max open files            1024                 524288               files     
Max locked memory         8388608              8388608              bytes     
`;

Deno.test("the soft limit of open files is read, where there is one", async () => {
  assert.equal(parseOpenFilesLimit(LIMITS), 1024);
  assert.equal(parseOpenFilesLimit(LIMITS.replace("1024  ", "unlimited")), Infinity);
  assert.equal(parseOpenFilesLimit(""), Infinity);
  assert.ok(await readOpenFilesLimit() > 0);
});

Deno.test("connections and their files fit into the limit, with some left for the server; a few there are always", () => {
  assert.equal(roomForConnections(1024, 2), 384);
  assert.equal(roomForConnections(1024, 3), 256);
  assert.equal(roomForConnections(Infinity, 2), Infinity);
  assert.equal(roomForConnections(64, 2), 8);
});
