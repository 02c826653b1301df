/**
 * Posts the result of each action as JSON. Settings: `url`, and `events`, a list of names, by default `onBackup` and
 * `onError`.
 *
 * @type {import("@agent/agent").Plugin}
 */
export default {
  version: "1",

  /** @param {import("@agent/agent").PluginContext} context */
  activate({ events, settings, library }) {
    const { url, events: names = ["onBackup", "onError"] } = settings;
    if (typeof url !== "string" || !URL.canParse(url)) throw new library.UsageError("url is missing, or is no URL");
    if (!Array.isArray(names)) throw new library.UsageError("events is not a list");
    for (const name of names) {
      // What it throws after a backup is a warning, and changes nothing about the backup.
      events.on(name, (event) => post(url, library.eventJson(event), event.signal), { timeoutMs: 10_000 });
    }
  },
};

/**
 * @param {string} url
 * @param {unknown} value
 * @param {AbortSignal} signal
 */
async function post(url, value, signal) {
  const headers = { "content-type": "application/json" };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(value), signal });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`${new URL(url).host} answered with ${response.status}`);
}
