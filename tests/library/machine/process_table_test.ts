/** What is told about processes: that this one is known again, and no other one is taken for it. */
import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { ownProcessMark, processExists } from "../../../src/library/machine/process_table.ts";
import { isGone } from "../../helpers/executable.ts";
import { programTest } from "../../helpers/programs.ts";

const isLinux = Deno.build.os === "linux";

Deno.test({
  name: "this process is known by its mark, which stays the same",
  ignore: !isLinux,
  fn() {
    const mark = ownProcessMark();
    ok(mark !== undefined);
    deepEqual(ownProcessMark(), mark);
    match(mark.table, /^[0-9a-f]{64}$/);
    equal(processExists(Deno.pid, mark.started), true);
    equal(processExists(Deno.pid, mark.started - 1), false, "another one had the number before");
  },
});

Deno.test("a process is there while it runs, whoever it belongs to", async () => {
  const child = new Deno.Command("sleep", { args: ["60"] }).spawn();
  equal(processExists(child.pid), true);
  child.kill("SIGKILL");
  await child.status;
  equal(isGone(child.pid), true);
  equal(processExists(child.pid), false);
  equal(processExists(child.pid, 1), false);
  equal(processExists(1), true, "the first process, which is not this user's");
});

/** The mark of a process that `unshare` starts with these options; null where it has none. */
async function markIn(unshare: string, ...options: string[]): Promise<unknown> {
  const module = new URL("../../../src/library/machine/process_table.ts", import.meta.url);
  const code = `import { ownProcessMark } from "${module}"; console.log(JSON.stringify(ownProcessMark() ?? null));`;
  const program = ["--user", "--map-root-user", "--pid", "--fork", ...options, Deno.execPath(), "eval", code];
  const { stdout, stderr } = await new Deno.Command(unshare, { args: program, env: { NO_COLOR: "1" } }).output();
  ok(stdout.length > 0, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

programTest({
  name: "a process in a container of this machine has another table, or none where /proc shows the outer one",
  needs: ["unshare"],
  fn: async ({ unshare }) => {
    if (!await mayUnshare(unshare)) return;
    const inner = await markIn(unshare, "--mount-proc") as { table: string };
    match(inner.table, /^[0-9a-f]{64}$/);
    notEqual(inner.table, ownProcessMark()!.table);
    equal(await markIn(unshare), null);
  },
});

/** Some systems let only root make namespaces. */
async function mayUnshare(unshare: string): Promise<boolean> {
  const args = ["--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "true"];
  return (await new Deno.Command(unshare, { args, stderr: "null" }).output()).success;
}
