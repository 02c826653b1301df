/**
 * Tells how long each backup took. Settings: `warnAfterSeconds`, from which on it is a warning.
 *
 * @type {import("@agent/agent").Plugin}
 */
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
      const seconds = (performance.now() - this.#begun.get(session)) / 1000;
      this.#begun.delete(session);
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
