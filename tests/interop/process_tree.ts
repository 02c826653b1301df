/** Processes below another one, as /proc shows them. */
import { eventually } from "../helpers/executable.ts";

/** Kills a program that runs somewhere below a process, as soon as it has written that many bytes. */
export async function killOnceItWrote(bytes: number, program: string, below: number): Promise<void> {
  const pid = await eventually(`${program} to start`, () => descendant(below, program));
  await eventually(`${program} to write ${bytes} bytes`, async () => await writtenBytes(pid) >= bytes);
  Deno.kill(pid, "SIGKILL");
}

async function descendant(pid: number, program: string): Promise<number | undefined> {
  if ((await textOf(`/proc/${pid}/comm`)).trim() === program.slice(0, 15)) return pid;
  for (const child of await childrenOf(pid)) {
    const found = await descendant(child, program);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Every thread has children of its own. */
async function childrenOf(pid: number): Promise<number[]> {
  const children: number[] = [];
  for (const thread of await namesIn(`/proc/${pid}/task`)) {
    const list = await textOf(`/proc/${pid}/task/${thread}/children`);
    children.push(...list.split(" ").filter((word) => word !== "").map(Number));
  }
  return children;
}

/** Processes and threads end between two looks at them; one that ended has no text and no children. */
async function textOf(path: string): Promise<string> {
  return await Deno.readTextFile(path).catch(ignoreEnded) ?? "";
}

async function namesIn(path: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(path)).catch(ignoreEnded);
  return entries?.map(({ name }) => name) ?? [];
}

/** Files of a process that ended are not found; reading one that was open by then fails with ESRCH. */
function ignoreEnded(error: Error & { code?: string }): undefined {
  if (!(error instanceof Deno.errors.NotFound) && error.code !== "ESRCH") throw error;
}

async function writtenBytes(pid: number): Promise<number> {
  return Number(/^wchar: (\d+)$/m.exec(await Deno.readTextFile(`/proc/${pid}/io`))?.[1]);
}
