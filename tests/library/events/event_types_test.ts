/** The types of events, as programs see them: what a handler gets is that of its event. */
import assert from "node:assert/strict";
import { ForeignFolder } from "../../helpers/foreign_folder.ts";

/** A program with one line in a handler of an event. */
function handling(event: string, names: string, line: string): string {
  return `agent.events.on("${event}", ({ ${names} }) => { ${line} });`;
}

const HEAD = `import { type Agent, EVENT_NAMES, type EventHandler, eventJson } from "@agent/agent";
declare const agent: Agent;`;

const FITTING = [
  handling("onBackup", "result", "const id: string = result.id; console.log(id);"),
  handling("onRestore", "result", "const series: string = result.series; console.log(series);"),
  handling("onDeleteOlderThan", "result", "for (const { id } of result) console.log(id.length);"),
  handling("onRotateBackups", "result", "for (const { id } of result) console.log(id.length);"),
  handling("onDelete", "result", "for (const { id } of [result].flat()) console.log(id.length);"),
  handling("onError", "error", "const exitCode: number = error.exitCode; console.log(exitCode);"),
  handling("beforeBackup", "result", "const none: undefined = result; console.log(none);"),
  "for (const name of EVENT_NAMES) agent.events.on(name, (event) => console.log(eventJson(event), event.error?.code));",
  "const any: EventHandler = ({ event, result }) => console.log(event, result);",
  'agent.events.on("onDelete", any);',
];

const UNFIT = [
  handling("onBackup", "result", "for (const backup of result) console.log(backup);"),
  handling("onRotateBackups", "result", "console.log(result.id);"),
  handling("beforeDelete", "result", "console.log(result.length);"),
];

Deno.test("the result and the error of an event are typed by its name", async () => {
  await using folder = new ForeignFolder();
  // Each line that does not fit has to be an error, or the comment before it is one.
  const unfit = UNFIT.map((line) => `// @ts-expect-error: the event has no such result\n${line}`);
  const { code, stderr } = await folder.check([HEAD, ...FITTING, ...unfit].join("\n"));
  assert.equal(code, 0, stderr);
});
