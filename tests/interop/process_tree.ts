/** Processes below another one, as /proc shows them. */
import { eventually } from "../helpers/executable.ts";

/** Kills a program that runs somewhere below a process, as soon as it has written that many bytes. */
export async function killOnceItWrote(bytes: number, program: string, below: number): Promise<void> {
  const pid = await eventually(`${program} to start`, () => descendant(below, program));
  await eventually(`${program} to write ${bytes} bytes`, async () => await writtenBytes(pid) >= bytes);
  Deno.kill(pid, "SIGKILL");
}

async function descendant(pid: number, program: string): Promise<number | undefined> {
  if ((await Deno.readTextFile(`/proc/${pid}/comm`)).trim() === program.slice(0, 15)) return pid;
  for (const child of await childrenOf(pid)) {
    const found = await descendant(child, program);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Every thread has children of its own. */
async function childrenOf(pid: number): Promise<number[]> {
  const children: number[] = [];
  for await (const { name } of Deno.readDir(`/proc/${pid}/task`)) {
    const list = await Deno.readTextFile(`/proc/${pid}/task/${name}/children`);
    children.push(...list.split(" ").filter((word) => word !== "").map(Number));
  }
  return children;
}

async function writtenBytes(pid: number): Promise<number> {
  return Number(/^wchar: (\d+)$/m.exec(await Deno.readTextFile(`/proc/${pid}/io`))?.[1]);
}
