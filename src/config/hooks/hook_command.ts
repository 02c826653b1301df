/** Hooks that are commands. */
import { onAbort } from "../../base/abort.ts";
import { AgentError } from "../../base/errors.ts";
import { Child } from "../../engine/child.ts";
import { namedLines } from "../../engine/words.ts";
import { isRepositorySecret } from "../repository_secrets.ts";
import type { HookEvent, HookMachine } from "./hook.ts";

/** Runs the command that is its first parameter, with both streams of output in one, so that lines stay in their order. */
const WRAPPER = 'exec sh -c "$1" >&2';

/** What commands need. */
type Commands = Pick<HookMachine, "environment" | "secretVariables" | "say" | "beforeProcessEnds">;

/** Which command, what it is called, and what it reads. */
interface CommandRequest {
  readonly name: string;
  readonly command: string;
  readonly event: HookEvent;
  /** Its standard input. */
  readonly input: Uint8Array;
  /** Ends it with all that it started. The promise then rejects with the signal's reason once they are gone. */
  readonly signal: AbortSignal;
}

/**
 * Runs a command by `sh -c` to its end. Throws `AgentError` with the last lines that it printed if it does not exit with
 * 0; everything that it started is ended then.
 */
export async function runHookCommand(request: CommandRequest, machine: Commands): Promise<void> {
  const { signal } = request;
  signal.throwIfAborted();
  const child = start(request, machine);
  using _ending = machine.beforeProcessEnds(() => child.kill());
  const stopped = Promise.withResolvers<never>();
  stopped.promise.catch(() => {});
  using _stopping = onAbort(signal, () => void child.stop().then(() => stopped.reject(signal.reason)));
  try {
    // A command that this process may not end, because it runs as another user, is not waited for.
    await Promise.race([untilEnd(child, request.input), stopped.promise]);
  } catch (error) {
    await child.stop();
    throw signal.aborted ? signal.reason : error;
  }
  await child.stop(); // Closes the pipes; what a command left running that succeeded goes on.
}

function start({ name, command, event }: CommandRequest, machine: Commands): Child {
  return Child.start({
    program: "sh",
    args: ["-c", WRAPPER, "sh", command],
    env: environmentOf(event, machine),
    clearEnv: true,
    stdin: "piped",
    stderr: { take: (lines) => machine.say(namedLines(name, lines)), wholeLines: true },
    ownGroup: true,
  });
}

async function untilEnd(child: Child, input: Uint8Array): Promise<void> {
  // A command need not read what happened; its exit code counts all the same.
  await child.write(input);
  await child.closeInput();
  const { success, code, signal } = await child.exit();
  if (success) return;
  const said = child.lastLines.length === 0 ? "" : `: ${child.lastLines.join(" / ")}`;
  throw new AgentError(`its command ${signal === null ? `exited with ${code}` : `was ended by ${signal}`}${said}`);
}

/** What the command inherits, without secrets of repositories, and what happened. */
function environmentOf(
  { event, session, series }: HookEvent,
  { environment, secretVariables }: Commands,
): Record<string, string> {
  const { AGENT_SERIES: _, ...inherited } = Object.fromEntries(
    Object.entries(environment())
      .filter(([name, value]) => !isRepositorySecret(name, value) && !secretVariables.includes(name)),
  );
  return {
    ...inherited,
    AGENT_EVENT: event,
    AGENT_SESSION: session,
    ...series !== null && { AGENT_SERIES: series },
  };
}
