import assert from "node:assert/strict";
import { DIR_MODE_0755, FILE_MODE_0644, goModeOfUnix, unixPermissionsOf } from "../../src/format/file_mode.ts";

Deno.test("modes are Go's", () => {
  assert.equal(FILE_MODE_0644, 420);
  assert.equal(DIR_MODE_0755, 2_147_484_141);
  const cases: [number, number][] = [
    [0o100644, FILE_MODE_0644],
    [0o040755, DIR_MODE_0755],
    [0o120777, 134_218_239],
    [0o106755, 0x0080_0000 + 0x0040_0000 + 0o755],
    [0o041777, 0x8000_0000 + 0x0010_0000 + 0o777],
    [0o020666, 0x0400_0000 + 0x0020_0000 + 0o666],
    [0o060660, 0x0400_0000 + 0o660],
    [0o010600, 0x0200_0000 + 0o600],
    [0o140600, 0x0100_0000 + 0o600],
  ];
  for (const [unix, go] of cases) {
    assert.equal(goModeOfUnix(unix), go, unix.toString(8));
    assert.equal(unixPermissionsOf(go), unix & 0o7777, unix.toString(8));
  }
});
