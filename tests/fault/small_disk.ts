/** A disk that is soon full: a small tmpfs, mounted for the time of a test. Needs root and the right to mount. */

/** A mounted disk; disposing unmounts it and removes its folder. */
interface SmallDisk extends AsyncDisposable {
  readonly path: string;
}

/** Mounts a disk of that many bytes; `readOnly` makes it refuse every change later. Throws where mounting fails. */
export async function mountSmallDisk(sizeBytes: number): Promise<SmallDisk & { readOnly(): Promise<void> }> {
  const path = await Deno.makeTempDir({ prefix: "agent-disk-" });
  try {
    await run("mount", "-t", "tmpfs", "-o", `size=${sizeBytes}`, "tmpfs", path);
  } catch (thrown) {
    await Deno.remove(path);
    throw thrown;
  }
  return {
    path,
    readOnly: () => run("mount", "-o", "remount,ro", path),
    async [Symbol.asyncDispose]() {
      // A process that was stopped may have a file of the disk open for a moment more.
      await run("umount", "--lazy", path);
      await Deno.remove(path);
    },
  };
}

/** Why this machine cannot mount a small disk; `undefined` where it can. */
export async function whyNoSmallDisk(): Promise<string | undefined> {
  if (Deno.uid() !== 0) return "only root may mount a disk";
  try {
    await using _disk = await mountSmallDisk(2 ** 16);
    return undefined;
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}

async function run(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args, stdout: "null" }).output();
  if (!success) throw new Error(`${program}: ${new TextDecoder().decode(stderr).trim()}`);
}
