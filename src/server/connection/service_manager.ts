/** Notifies systemd of a service's state if it asked for that (sd_notify(3), through the program systemd-notify). */

const MESSAGES = { ready: ["--ready"], stopping: ["STOPPING=1"] } as const;

/** Sends a message to the service manager whose socket is in the environment. Failures are ignored. */
export async function notifyServiceManager(state: keyof typeof MESSAGES): Promise<void> {
  try {
    await new Deno.Command("systemd-notify", {
      args: [`--pid=${Deno.pid}`, ...MESSAGES[state]],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).output();
  } catch {
    // Without the program, no service manager waits for the message.
  }
}
