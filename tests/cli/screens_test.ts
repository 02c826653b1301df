/**
 * What people see: the screens of tables and help on terminals of 80 and 120 columns, each as a file in `screens/`. A screen
 * that is to change is written anew with `UPDATE_SCREENS=1`. Ids and times stand for any others of their length.
 */
import assert from "node:assert/strict";
import { parseSeries } from "../../src/format/manifest/series.ts";
import { widthOf } from "../../src/cli/terminal/terminal_text.ts";
import { openStore } from "../../src/store/built_in.ts";
import { initRepository } from "../../src/repository/repository.ts";
import { put as putItems } from "../../src/ops/put.ts";
import { type Tree, TreeEngine } from "../engine/tree_engine.ts";
import { runInProcess } from "../helpers/command_line.ts";
import {
  accessTo,
  BytesSource,
  CHEAP_KDF,
  type FakeWorld,
  fakeWorld,
  noise,
  PASSWORD,
  putBytes,
  putRequest,
  sqlDump,
} from "../helpers/world.ts";

const SCREENS = new URL("screens/", import.meta.url);
const WIDTHS = [80, 120] as const;
const HOUR_MS = 3_600_000;

/** Files and directories, and what one night changes of them. */
const TREE: Tree = {
  etc: { passwd: noise(2000, "passwd"), "my.cnf": noise(700, "my.cnf"), localtime: "/usr/share/zoneinfo/UTC" },
  srv: { www: { "index.html": noise(40_000, "index") } },
};
const CHANGED: Tree = { ...TREE, etc: { passwd: noise(2050, "other"), hosts: noise(90, "hosts"), localtime: "UTC" } };

/** What a command shows on a terminal of so many columns, the prompt included. */
async function screenOf(args: readonly string[], width: number, world: FakeWorld, repository: string): Promise<string> {
  const env = {
    AGENT_REPOSITORY: repository,
    AGENT_PASSWORD: PASSWORD,
    AGENT_FROM_REPOSITORY: repository,
    AGENT_FROM_PASSWORD: PASSWORD,
  };
  const { exitCode, stdout, stderr } = await runInProcess(args, {
    env,
    terminal: width,
    world,
    engines: new TreeEngine(CHANGED).registry(),
    stdin: sqlDump(4100, "b"),
  });
  const shown = `$ agent ${args.join(" ")}\n${stdout}${withoutProgress(stderr)}`;
  return exitCode === 0 ? shown : `${shown}exit code ${exitCode}\n`;
}

/** Lines of progress are written over; the last thing written is there to stay. */
function withoutProgress(text: string): string {
  return text.split("\r\x1b[K").at(-1)!;
}

/** Everything that another run, zone or version would show otherwise, in the same width. */
function masked(screen: string): string {
  return screen
    .replaceAll(/\b[0-9a-f]{64}\b/g, (id) => id.replaceAll(/./g, "f"))
    .replaceAll(/\b[0-9a-f]{32}\b/g, (digest) => digest.replaceAll(/./g, "d"))
    .replaceAll(/\b(?=[0-9a-f]{0,7}[0-9])[0-9a-f]{8}\b/g, "1f2e3d4c")
    .replaceAll(/\b\d+\.\d s;/g, "0.2 s;")
    // What a manifest takes depends by some bytes on the times in it.
    .replaceAll(/\b(\d\.\d)\d KiB/g, "$1? KiB")
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d/g, "2026-01-02 03:04:05 +00:00");
}

/** Series of all kinds in a repository on disk: long names, tags, run types, a stream that shrank. */
async function filledRepository(world: FakeWorld): Promise<string> {
  const directory = await Deno.makeTempDir({ prefix: "agent-screens-" });
  const store = await openStore(`${directory}/repo`, {
    random: world.randomBytes,
    clock: world.clock,
    env: () => undefined,
  });
  await initRepository(store, PASSWORD, { ...world, kdf: CHEAP_KDF });
  const access = accessTo(store);
  const put = async (series: string, data: Uint8Array, options: Parameters<typeof putBytes>[3] = {}) => {
    world.clock.jump(HOUR_MS);
    await putBytes(access, world, data, { series: parseSeries(series), guard: "auto", ...options });
  };
  await put("prod/shop", sqlDump(4000, "a"), { runType: "daily", tags: ["nightly"] });
  await put("prod/shop", sqlDump(4200, "a"), { runType: "hourly" });
  await put("prod/shop", sqlDump(1000, "a"), { runType: "hourly" });
  await put("prod/warehouse/europe/orders-and-invoices", noise(700_000, "b"), { host: "database-17.backup.example" });
  await put("wiki", new Uint8Array(0), { allowEmpty: true, host: "db2", tags: ["a", "b"] });
  for (const tree of [TREE, CHANGED]) {
    world.clock.jump(HOUR_MS);
    const request = putRequest(new BytesSource(new Uint8Array(0)), { series: parseSeries("etc/host") });
    await putItems(access, { ...request, input: new TreeEngine(tree).input() }, { world });
  }
  await store.close();
  const empty = await openStore(`${directory}/empty`, { random: world.randomBytes, clock: world.clock });
  await initRepository(empty, PASSWORD, { ...world, kdf: CHEAP_KDF });
  await empty.close();
  return directory;
}

const SHOWN: Readonly<Record<string, readonly string[]>> = {
  ls: ["ls"],
  "ls-empty": ["ls", "--tag", "none"],
  "ls-unknown": ["ls", "prod/shpo"],
  status: ["status"],
  chain: ["chain", "prod/shop", "--all"],
  show: ["show", "prod/shop"],
  stats: ["stats", "prod"],
  "stats-series": ["stats", "prod/shop"],
  diff: ["diff", "prod/shop"],
  files: ["files", "prod/shop", "--long"],
  find: ["find", "data", "--series", "prod"],
  tag: ["tag", "--all", "prod", "--add", "keep,eu", "--dry-run"],
  forget: ["forget", "--keep-last", "1", "--keep-daily", "2", "--dry-run"],
  keys: ["key", "list"],
  check: ["check"],
  "prune-plan": ["prune", "--dry-run"],
  put: ["put", "prod/customers"],
  "show-files": ["show", "etc/host"],
  "diff-files": ["diff", "etc/host"],
  "files-long": ["files", "etc/host", "/etc", "-l"],
  "put-files": ["put", "etc/host", "files:/"],
  "help-put": ["put", "--help"],
  "help-get": ["get", "--help"],
  "help-show": ["show", "--help"],
  "help": ["--help"],
  "help-tag": ["tag", "--help"],
  "help-files": ["files", "--help"],
  "help-find": ["find", "--help"],
  "help-diff": ["diff", "--help"],
  "help-stats": ["stats", "--help"],
  "help-hold": ["hold", "--help"],
  "help-forget": ["forget", "--help"],
  "help-prune": ["prune", "--help"],
  "help-copy": ["copy", "--help"],
  "copy-plan": ["copy", "-r", "DIR/empty", "--dry-run"],
};

Deno.test("screens at 80 and 120 columns are what they are to be, and no line is wider", async (test) => {
  const world = fakeWorld("screens");
  const directory = await filledRepository(world);
  world.clock.jump(HOUR_MS);
  try {
    for (const [name, args] of Object.entries(SHOWN)) {
      for (const width of WIDTHS) {
        await test.step(`${args.join(" ")}, ${width} columns`, async () => {
          const words = args.map((word) => word.replace("DIR", directory));
          const screen = masked(await screenOf(words, width, world, `${directory}/repo`)).replaceAll(
            directory,
            "/backup",
          );
          for (const line of screen.split("\n").slice(1)) {
            assert.ok(widthOf(line) <= width || line.startsWith("agent: "), `${widthOf(line)} columns: ${line}`);
          }
          await assertScreen(`${name}-${width}.txt`, screen);
        });
      }
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

async function assertScreen(name: string, screen: string): Promise<void> {
  const path = new URL(name, SCREENS);
  if (Deno.env.get("UPDATE_SCREENS")) await Deno.writeTextFile(path, screen);
  assert.equal(screen, await Deno.readTextFile(path), `screens/${name}`);
}

Deno.test("every help keeps one order, and to the width, and gives examples", async () => {
  const world = fakeWorld();
  const overview = await screenOf(["--help"], 80, world, "nowhere");
  const commands = [...overview.matchAll(/^ {2}([a-z-]+) .*\[/gm)].map(([, name]) => name!);
  assert.ok(commands.length > 15, overview);
  const seconds = ["Files and directories:", "Repository to copy from:", "Second repository:"];
  const own = ["Usage:", "Arguments:", "Options:", "Pruning:", "Tables of a dump:", ...seconds];
  const order = [...own, "Repository:", "Repositories on other machines:"];
  const last = ["Commands:", "Examples:"];
  for (const command of commands) {
    const page = await screenOf([command, "--help"], 80, world, "nowhere");
    const titles = page.split("\n").flatMap((line) => /^([A-Z][\w ]+:)(?: agent .*)?$/.exec(line)?.[1] ?? []);
    const known = [...order, ...last].filter((title) => titles.includes(title));
    assert.deepEqual(titles, known, command);
    const speaksForItself = ["help", "version"].includes(command);
    assert.ok(speaksForItself || last.some((title) => titles.includes(title)), `${command} has no example`);
    for (const line of page.split("\n").slice(1)) assert.ok(widthOf(line) <= 80, `${command}: ${line}`);
  }
});
