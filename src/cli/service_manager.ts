/** Tells systemd how a service is doing, where it asked to be told (sd_notify(3), through the program systemd-notify). */

const MESSAGES = { ready: ["--ready"], stopping: ["STOPPING=1"] } as const;

/** Sends a message to the service manager whose socket the environment names. What hinders that is no failure. */
export async function notifyServiceManager(state: keyof typeof MESSAGES): Promise<void> {
  try {
    await new Deno.Command("systemd-notify", {
      args: [`--pid=${Deno.pid}`, ...MESSAGES[state]],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).output();
  } catch {
    // A machine without the program has no service manager that waits for the message.
  }
}
