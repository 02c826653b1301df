/** Tells how long each backup took. Settings: `warnAfterSeconds`, from which on it is a warning. */
export default class Timer {
  static version = "1";

  /** When the backup of a session began, in milliseconds. @type {Map<string, number>} */
  #begun = new Map();

  /** @param {import("@agent/agent").PluginContext} context */
  activate({ events, log, settings, library }) {
    const { warnAfterSeconds = Infinity } = settings;
    if (typeof warnAfterSeconds !== "number") throw new library.UsageError("warnAfterSeconds is not a number");

    events.on("beforeBackup", ({ session }) => void this.#begun.set(session, performance.now()));
    events.on("onBackup", ({ session, series }) => {
      const begunMs = this.#begun.get(session);
      if (begunMs === undefined) return;
      this.#begun.delete(session);
      const seconds = (performance.now() - begunMs) / 1000;
      const message = `the backup of ${series} took ${seconds.toFixed(1)} s`;
      if (seconds >= warnAfterSeconds) log.warn(message);
      else log.info(message);
    });
    events.on("onError", ({ session }) => void this.#begun.delete(session));
  }

  deactivate() {
    this.#begun.clear();
  }
}
