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
    if (typeof url !== "string" || !URL.canParse(url)) throw new library.UsageError("url is missing, or no URL");
    if (!Array.isArray(names)) throw new library.UsageError("events is not a list");
    for (const name of names) events.on(name, (event) => post(url, event), { timeoutMs: 10_000 });
  },
};

/**
 * Posts an event. What it throws is a warning, and changes nothing about the backup.
 *
 * @param {string} url
 * @param {import("@agent/agent").AgentEvent} event
 */
async function post(url, { event, session, series, result, error, signal }) {
  const body = JSON.stringify({ event, session, series, result, ...error && { error: error.message } });
  const headers = { "content-type": "application/json" };
  const response = await fetch(url, { method: "POST", headers, body, signal });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`${new URL(url).host} answered with ${response.status}`);
}
