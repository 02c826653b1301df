/** How the position of a source is told. */
import { deepEqual } from "node:assert/strict";
import { positionRows } from "../../../src/cli/report/position_rows.ts";

Deno.test("the position of a database is told as far as the manifest has it, and whatever else it has", () => {
  const mariadb = { server: "10.11.6-MariaDB", gtid: "0-7-41", binlog: { file: "binlog.000003", position: 344 } };
  deepEqual(positionRows({ ...mariadb, databases: [] }), [
    ["server", "10.11.6-MariaDB"],
    ["position", "binlog.000003:344, GTID 0-7-41"],
  ]);
  deepEqual(positionRows({ server: "8.4.0", gtid: null, binlog: null }), [["server", "8.4.0"]]);
  deepEqual(positionRows({ server: "15.18", lsn: "0/1B3F4A8", timeline: 1, time: "x" }), [
    ["server", "15.18"],
    ["position", "LSN 0/1B3F4A8 of timeline 1"],
  ]);
  deepEqual(positionRows({ server: "a\nb", lsn: "0/1", binlog: ["x"] }), [["server", "a b"], ["position", "LSN 0/1"]]);
  deepEqual(positionRows({}), []);
  deepEqual(positionRows({ server: {}, gtid: "", binlog: { file: "x" } }), []);
});
