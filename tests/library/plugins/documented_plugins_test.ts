/** The plugins of docs/plugins.md and docs/plugins/ do what the page says. */
import assert from "node:assert/strict";
import { documentedPlugins } from "../../helpers/documented_programs.ts";
import { type PluginScene, pluginScene } from "./plugin_scene.ts";

async function sceneOf(...names: string[]): Promise<PluginScene> {
  const scene = await pluginScene();
  const plugins = await documentedPlugins();
  await scene.write(Object.fromEntries(names.map((name) => [`${name}.js`, plugins[`${name}.js`]!])));
  return scene;
}

Deno.test("the timer tells how long each backup took, with a warning from a time on", async () => {
  await using scene = await sceneOf("timer");
  const backUp = () => scene.events.perform("Backup", { series: "s" }, ({ begin }) => begin(), () => []);
  for (const settings of [{}, { timer: { warnAfterSeconds: 0 } }, { timer: { warnAfterSeconds: "long" } }]) {
    const plugins = await scene.activate(["timer"], { settings });
    await backUp();
    await plugins.deactivate();
  }
  assert.match(scene.said[0]!, /^timer info: the backup of s took \d+\.\d s$/);
  assert.match(scene.said[1]!, /^timer warn: the backup of s took \d+\.\d s$/);
  assert.equal(scene.said.length, 2);
  assert.deepEqual(scene.problems, ['The plugin "timer" is faulty and does nothing: warnAfterSeconds is not a number']);
});

Deno.test("the plugin of the page vetoes removals on its day", async () => {
  await using scene = await sceneOf("sundays");
  const remove = () => scene.events.perform("Delete", { series: "s" }, ({ begin }) => begin(), () => []);
  const today = new Date().toLocaleDateString("en", { weekday: "long" });
  const other = new Date(Date.now() + 2 * 86_400_000).toLocaleDateString("en", { weekday: "long" });
  const plugins = await scene.activate(["sundays"], { settings: { sundays: { day: today } } });
  await assert.rejects(remove(), { message: new RegExp(`nothing is removed from s on a ${today}$`) });
  await plugins.deactivate();
  await scene.activate(["sundays"], { settings: { sundays: { day: other } } });
  await remove();
});

Deno.test("a webhook without an address is faulty", async () => {
  await using scene = await sceneOf("webhook");
  await scene.activate(["webhook"]);
  await scene.activate(["webhook"], { settings: { webhook: { url: "http://127.0.0.1/", events: ["onBackups"] } } });
  assert.match(scene.problems[0]!, /url is missing, or is no URL$/);
  assert.match(scene.problems[1]!, /There is no event "onBackups"; did you mean "onBackup"\?$/);
});
