/** Process groups: whether anybody in one still runs. */
import process from "node:process";

/** States in /proc/PID/stat of processes that have ended, and whose end nobody has asked for yet (proc(5)). */
const ENDED_STATES = "ZXx";

/**
 * Whether a process of the group still runs. The number of a group is given to nobody else as long as it has members,
 * even if they have ended.
 */
export function groupLives(group: number): boolean {
  try {
    process.kill(-group, 0);
  } catch (error) {
    if ((error as { code?: string }).code !== "EPERM") return false;
  }
  return statesIn(group)?.some((state) => !ENDED_STATES.includes(state)) ?? true;
}

/** The states of all processes of the group; undefined if the system does not tell. */
function statesIn(group: number): string[] | undefined {
  try {
    const processes = [...Deno.readDirSync("/proc")].filter(({ name }) => /^\d+$/.test(name));
    return processes.map(({ name }) => statOf(name)).flatMap(([state, , groupOfIt]) =>
      Number(groupOfIt) === group ? [state!] : []
    );
  } catch {
    return undefined; // Only Linux has /proc.
  }
}

/** The fields of /proc/PID/stat behind the program's name, which may contain anything: state, parent, group and so on. */
function statOf(pid: string): string[] {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return []; // It has ended meanwhile.
  }
}
