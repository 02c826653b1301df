/** The units that docs/ ships: systemd takes them, they shut the server in, and docs/server.md shows the same. */
import assert from "node:assert/strict";
import { emptySandbox } from "../helpers/executable.ts";
import { programTest } from "../helpers/programs.ts";

const DOCS = new URL("../../docs/", import.meta.url);
const UNITS = ["agent-serve.service", "agent-serve.socket"];

function read(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, DOCS));
}

/** Of 100; what systemd-analyze prints as 3.0 is 30. */
const MOST_EXPOSURE = 29;

Deno.test("docs/server.md shows the units as they are shipped", async () => {
  const text = await read("server.md");
  for (const unit of UNITS) assert.ok(text.includes("```ini\n" + await read(`systemd/${unit}`) + "```\n"), unit);
});

programTest({
  name: "systemd finds nothing wrong with the units, and little exposed",
  needs: ["systemd-analyze"],
  async fn({ "systemd-analyze": analyze }) {
    await using box = await emptySandbox();
    const paths = [];
    for (const unit of UNITS) {
      // Whatever stands in for the executable has to exist.
      const text = (await read(`systemd/${unit}`)).replace("/usr/local/bin/agent", "/bin/true");
      await box.file(unit, text);
      paths.push(box.join(unit));
    }
    const run = async (...args: string[]) => {
      const { success, stdout, stderr } = await new Deno.Command(analyze, { args: ["--no-pager", ...args] }).output();
      return { success, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
    };
    const verified = await run("verify", "--man=no", "--recursive-errors=no", ...paths);
    assert.ok(verified.success && !verified.text.includes(box.join("")), verified.text);
    const threshold = `--threshold=${MOST_EXPOSURE}`;
    const judged = await run("security", "--offline=true", threshold, paths[0]!);
    assert.ok(judged.success, judged.text.trim().split("\n").at(-1));
  },
});
