/** Directories to be backed up with tar, and what is left of tar afterwards. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { EngineRegistry } from "../../../src/engine/engine_urls.ts";
import { createTarEngine } from "../../../src/engine/tar/tar_engine.ts";
import type { EngineFixture } from "../../conformance/engine_suite.ts";

const ENDED = /\) [ZX] /;

/** A directory, a place for temporary files, and room for targets. */
export class TarFixture implements EngineFixture {
  readonly registry: EngineRegistry;
  readonly #box: string;
  #targets = 0;
  #kept = 0;

  private constructor(box: string) {
    this.#box = box;
    this.registry = registryOf({ ...this.#machine, programs: ["tar"] });
  }

  static async create(): Promise<TarFixture> {
    const fixture = new TarFixture(await Deno.makeTempDir({ prefix: "agent-tar-test-" }));
    await Deno.mkdir(fixture.directory);
    await Deno.mkdir(fixture.temporary);
    return fixture;
  }

  /** Without a margin, so that levels do not store again what tests have just made. */
  get #machine() {
    return { temporaryDirectory: this.temporary, marginSeconds: 0 };
  }

  /** The directory that is backed up. */
  get directory(): string {
    return join(this.#box, "source");
  }

  get temporary(): string {
    return join(this.#box, "temporary");
  }

  get source(): string {
    return `tar:${this.directory}`;
  }

  target(): Promise<string> {
    return Promise.resolve(`tar:${join(this.#box, `target-${this.#targets++}`)}`);
  }

  /** Runs a script of the shell in the source. Only it can have names that are not UTF-8. */
  async script(script: string): Promise<string> {
    this.#awaitTick();
    const command = new Deno.Command("bash", {
      args: ["-euc", script],
      cwd: this.directory,
      env: { LC_ALL: "C" },
      stdin: "null",
    });
    const { success, stdout, stderr } = await command.output();
    assert.ok(success, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout);
  }

  async change(night: number): Promise<void> {
    await this.script(NIGHTS[night]!);
  }

  async swell(bytes: number): Promise<void> {
    await this.script(`head -c ${bytes} /dev/zero >swollen`);
  }

  async keep(): Promise<(target: string) => Promise<void>> {
    const copy = join(this.#box, `kept-${this.#kept++}`);
    await this.script(`cp -a --sparse=always . '${copy}'`);
    return async (target) => assert.equal(await this.#differences(copy, target.replace("tar:", "")), "");
  }

  leftovers(): Promise<string[]> {
    const files = [...Deno.readDirSync(this.temporary)].map(({ name }) => `temporary file ${name}`);
    return Promise.resolve([...files, ...this.processes().map(({ command }) => command)]);
  }

  /** The processes that work for this fixture. */
  processes(): { readonly pid: number; readonly command: string }[] {
    return [...Deno.readDirSync("/proc")].flatMap(({ name }) => {
      try {
        if (!/^\d+$/.test(name) || ENDED.test(Deno.readTextFileSync(`/proc/${name}/stat`))) return [];
        const command = Deno.readTextFileSync(`/proc/${name}/cmdline`).replaceAll("\0", " ");
        return command.includes(this.#box) ? [{ pid: Number(name), command }] : [];
      } catch {
        return []; // It has ended meanwhile.
      }
    });
  }

  stall(): Promise<() => void> {
    const stopped = this.processes();
    for (const { pid } of stopped) Deno.kill(pid, "SIGSTOP");
    return Promise.resolve(() => {
      for (const { pid } of this.processes()) if (stopped.some((one) => one.pid === pid)) Deno.kill(pid, "SIGCONT");
    });
  }

  produced(): Promise<number> {
    return Promise.resolve(this.processes().reduce((sum, { pid }) => sum + writtenBytes(pid), 0));
  }

  async failingSources() {
    const middle = await this.program("head -c 100000 /dev/zero; echo 'tar: it broke' >&2; exit 2");
    const end = await this.program('tar "$@"; exit 2');
    const empty = await this.program('tar "$@"; for a; do case $a in --listed*) : >"${a#*=}";; esac; done');
    const gone = await this.program('tar "$@"; for a; do case $a in --listed*) rm "${a#*=}";; esac; done');
    const killed = await this.program('tar "$@"; kill -9 $$');
    return [middle, end, empty, gone, killed].map((registry) => registry.source(this.source).driver);
  }

  async failingTargets() {
    const early = await this.program(
      "head -c 1000 >/dev/null; echo 'tar: Error is not recoverable: exiting now' >&2; exit 2",
    );
    const full = await this.program(
      "echo 'tar: ./x: Cannot write: No space left on device' >&2; cat >/dev/null; exit 2",
    );
    const killed = await this.program("kill -9 $$");
    const end = await this.program('tar "$@"; exit 1');
    const targets = await Promise.all([early, full, killed, end].map(async (registry) => {
      return registry.target(await this.target()).driver;
    }));
    await Deno.writeTextFile(join(this.#box, "file"), "");
    return [...targets, this.registry.target(`tar:${join(this.#box, "file/below")}`).driver];
  }

  /** A registry whose tar is a script that says to be GNU tar. */
  async program(script: string): Promise<EngineRegistry> {
    const path = await Deno.makeTempFile({ dir: this.#box });
    await Deno.writeTextFile(path, `#!/bin/sh\n[ "$1" = --version ] && exec echo 'tar (GNU tar) 1.34'\n${script}\n`);
    await Deno.chmod(path, 0o755);
    return registryOf({ ...this.#machine, programs: [path] });
  }

  async dispose(): Promise<void> {
    await new Deno.Command("chmod", { args: ["-R", "u+rwX", this.#box], stderr: "null" }).output();
    await Deno.remove(this.#box, { recursive: true });
  }

  /**
   * Waits until the clock of the file system, which lags some milliseconds, has passed this moment. What changes then is
   * newer than every backup so far, without a margin.
   */
  #awaitTick(): void {
    const path = join(this.#box, "tick");
    const now = Date.now();
    do Deno.writeTextFileSync(path, ""); while (Deno.statSync(path).mtime!.getTime() <= now);
  }

  /** What rsync would do, down to hard links, attributes and nanoseconds. */
  async #differences(copy: string, target: string): Promise<string> {
    const flags = ["-aHXn", "--checksum", "--delete", "--itemize-changes", "--modify-window=-1"];
    const { stdout, stderr } = await new Deno.Command("rsync", { args: [...flags, `${copy}/`, `${target}/`] }).output();
    return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  }
}

/** How many bytes a process wrote; 0 if it has ended. */
function writtenBytes(pid: number): number {
  try {
    return Number(/wchar: (\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/io`))?.[1] ?? 0);
  } catch {
    return 0; // It has ended meanwhile.
  }
}

/** A registry with an engine `tar` on another machine. */
export function registryOf(machine: Parameters<typeof createTarEngine>[0]): EngineRegistry {
  const registry = new EngineRegistry();
  registry.register("tar", createTarEngine(machine));
  return registry;
}

/** What happens to the source night by night: everything that tar has to follow. */
const NIGHTS: readonly string[] = [
  `mkdir -p etc/deep empty moved closed
  echo one >one; echo two >two; echo changes >etc/changes; echo deep >etc/deep/file
  ln one linked; ln etc/deep/file etc/hard; ln -s nowhere etc/symbolic; ln -s ../one etc/deep/up
  mkfifo pipe
  truncate -s 8M sparse; printf x | dd of=sparse bs=1 seek=5000000 conv=notrunc status=none
  printf 'a line\\n' >$'line\\nbreak'; echo bad >$'not-utf8-\\377'; mkdir $'dir\\n\\376'; echo in >$'dir\\n\\376/in'
  echo colon >'a: Warning: b'; echo back >'back\\slash'; echo lead >'-leading'
  echo old >moved/old; touch -d '1965-03-04 05:06:07.123456789' one; touch -d '2001-02-03 04:05:06.987654321' two
  head -c 300000 /dev/urandom >large; echo secret >closed/in; chmod 640 two; chmod 4755 large; chmod 555 closed`,
  `echo changed >>etc/changes; rm two; mkdir new; echo new >new/file; mv moved renamed; ln one new/linked-later
  rm $'line\\nbreak'; printf y | dd of=sparse bs=1 seek=100 conv=notrunc status=none
  chmod 755 closed; echo more >closed/more; chmod 555 closed`,
  `touch etc/hard; mv etc/deep etc/deeper; rm linked; echo fresh >linked; rmdir empty; echo file >empty; rm pipe; mkdir pipe
  mv $'not-utf8-\\377' $'not-utf8-\\376'; printf z | dd of=large bs=1 seek=150000 conv=notrunc status=none
  chmod 600 one; rm etc/symbolic; ln -s elsewhere etc/symbolic`,
  `rm -r etc; mkdir etc; echo again >etc/again; mv renamed moved; echo two >two; rm -r new $'dir\\n\\376'
  touch -d '1999-01-01' etc/again`,
];
