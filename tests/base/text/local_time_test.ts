/** Times of people: written with their zone, read with one or without. */
import assert from "node:assert/strict";
import { formatLocalTime, parseLocalTime } from "../../../src/base/text/local_time.ts";

/** What a program in this zone says. */
async function inZone(zone: string, script: string): Promise<string> {
  const module = new URL("../../../src/base/text/local_time.ts", import.meta.url).href;
  const code =
    `import { formatLocalTime as format, parseLocalTime as parse } from "${module}"; console.log(${script});`;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--ext=ts", code],
    env: { TZ: zone },
  }).output();
  return new TextDecoder().decode(stdout).trim() || new TextDecoder().decode(stderr);
}

Deno.test("a time is told in the zone of the machine, and the zone with it", async () => {
  const told = (zone: string, time: string) => inZone(zone, `format(new Date("${time}"))`);
  assert.equal(await told("UTC", "2026-08-30T01:17:02.9Z"), "2026-08-30 01:17:02 +00:00");
  assert.equal(await told("Europe/Berlin", "2026-08-30T01:17:02Z"), "2026-08-30 03:17:02 +02:00");
  assert.equal(await told("Europe/Berlin", "2026-10-25T01:30:00Z"), "2026-10-25 02:30:00 +01:00");
  assert.equal(await told("America/St_Johns", "2026-01-01T00:00:00Z"), "2025-12-31 20:30:00 -03:30");
});

Deno.test("a time without a zone is the machine's own, one with a zone the same everywhere", async () => {
  const meant = (zone: string, text: string, day = "end") => inZone(zone, `parse("${text}", "${day}").toISOString()`);
  for (const zone of ["UTC", "Europe/Berlin"]) {
    for (
      const text of [
        "2026-08-30T12:00+02:00",
        "2026-08-30 12:00:00 +02:00",
        "2026-08-30T10:00Z",
        "2026-08-30T12:00+0200",
      ]
    ) {
      assert.equal(await meant(zone, text), "2026-08-30T10:00:00.000Z", `${text} in ${zone}`);
    }
  }
  assert.equal(await meant("Europe/Berlin", "2026-08-30T12:00"), "2026-08-30T10:00:00.000Z");
  assert.equal(await meant("Europe/Berlin", "2026-08-30"), "2026-08-30T21:59:59.999Z");
  assert.equal(await meant("Europe/Berlin", "2026-08-30", "begin"), "2026-08-29T22:00:00.000Z");
});

Deno.test("what is told is read again as the same second", () => {
  for (const time of ["2026-08-30T01:17:02Z", "1970-01-01T00:00:00Z", "2028-02-29T23:59:59Z"]) {
    const date = parseLocalTime(formatLocalTime(new Date(time)), "end");
    assert.ok(date instanceof Date && date.getTime() === Date.parse(time), time);
  }
});

Deno.test("what is no time, and what there is never, are told apart", () => {
  for (const text of ["noon", "", "2026", "2026-8-1", "2026-08-30T12", "1f2e3d4c", "2026-08-30T12:00 CET"]) {
    assert.equal(parseLocalTime(text, "end"), "unknown", text);
  }
  for (const text of ["2026-13-01", "2026-02-30", "2026-02-29T12:00", "2026-08-30T25:00", "2026-08-30T12:60Z"]) {
    assert.equal(parseLocalTime(text, "end"), "never", text);
  }
});
