/** What the documents show is true: every line of "Daily use" and "By example" is run, with stand-ins for the database's programs. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { systemRandomBytes } from "../../src/crypto/random.ts";
import { openLocalStore } from "../../src/store/local/local_store.ts";
import { page, sectionOf } from "../helpers/documents.ts";
import { emptySandbox, type Sandbox } from "../helpers/executable.ts";
import { programTest } from "../helpers/programs.ts";
import { cheapenKey } from "../helpers/rest_servers.ts";
import { concat, sqlDump } from "../helpers/world.ts";

/** Sections whose lines are run one after another, as somebody would who reads them in this order. */
const SECTIONS = [["README.md", "Daily use"], ["docs/using.md", "By example"]] as const;
/** What asks a database itself rather than by its programs, which tables_test.ts does. */
const NEEDS_SERVER = /\btables:postgresql:/;
/** More than the 10 MiB that one line asks for. */
const DUMP_ROWS = 130_000;
const DAY_MS = 86_400_000;

/** The lines of the shell blocks of a section. */
async function shellLines(path: string, heading: string): Promise<string[]> {
  const section = sectionOf(await page(path), heading);
  const blocks = [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block!);
  return blocks.flatMap((block) => block.split("\n")).filter((line) => line.trim() !== "");
}

/** A dump of the database `shop`, whose only table is `orders`. */
function tableDump(): Uint8Array<ArrayBuffer> {
  const dump = sqlDump(DUMP_ROWS, "readme");
  const rows = new TextDecoder().decode(dump).indexOf("INSERT INTO");
  const about = (text: string) => `--\n-- ${text}\n--\n\n`;
  const table = "-- Host: localhost    Database: shop\n-- ------------------------------------------------------\n" +
    `${about("Table structure for table `orders`")}CREATE TABLE \`orders\` (\n  \`id\` int\n);\n\n` +
    about("Dumping data for table `orders`");
  return concat([dump.subarray(0, rows), new TextEncoder().encode(table), dump.subarray(rows)]);
}

/** The programs of the examples on a PATH of their own: the agent, and stand-ins for those of a database. */
async function standIns(box: Sandbox): Promise<void> {
  await box.file("dump.sql", tableDump());
  const scripts = {
    agent: `exec "$AGENT" "$@"`,
    mysqldump: `cat "${box.join("dump.sql")}"`,
    mysql: `cat >"${box.join("loaded.sql")}"`,
    "mariadb-dump": `case "$*" in *--help*) ;; *) cat "${box.join("dump.sql")}" ;; esac`,
    mariadb: mariadbScript(box),
  };
  await Deno.mkdir(box.join("bin"));
  await Deno.mkdir(box.join("etc/ssh"), { recursive: true });
  await Deno.writeTextFile(box.join("etc/fstab"), "/dev/sda1 / ext4\n");
  await Deno.mkdir(box.join("srv/www/cache"), { recursive: true });
  await Deno.writeTextFile(box.join("srv/www/site.conf"), "listen 80\n");
  for (const [name, script] of Object.entries(scripts)) {
    await Deno.writeTextFile(box.join(`bin/${name}`), `#!/bin/bash\n${script}\n`, { mode: 0o755 });
  }
}

/** Answers the questions of the engine `mysql`, and takes whatever else comes as a dump. */
function mariadbScript(box: Sandbox): string {
  const privileges = ["SELECT", "TRIGGER"].map((name) => `'root'@'localhost'\\t${name}\\n`).join("");
  return `case "$*" in *--help*) exit ;; esac
cat >"${box.join("sql")}"
case "$(head -c 400 "${box.join("sql")}" | tr -d '\\0')" in
  *"VERSION()"*) printf "10.11.6-MariaDB\\tDebian\\t0\\troot@localhost\\tNONE\\n${privileges}" ;;
  *SCHEMATA*) printf "shop\\tutf8mb4\\tutf8mb4_general_ci\\n" ;;
  "SELECT User, Host"*) printf "root\\tlocalhost\\n" ;;
  "SHOW GRANTS"*) printf "GRANT ALL PRIVILEGES ON *.* TO root@localhost\\n" ;;
  "SHOW CREATE USER"*) printf "CREATE USER root@localhost\\n" ;;
  "CREATE DATABASE"*) ;;
  *) mv "${box.join("sql")}" "${box.join("loaded.sql")}" ;;
esac`;
}

/** Ids are those of another repository, days those of another year, and nobody's /etc and /srv are touched. */
const PRELUDE = `set -o pipefail
backup_id() { agent ls --json | sed -n 's/.*"id":"\\([0-9a-f]\\{8\\}\\).*/\\1/p' | tail -n 1; }
key_id() { agent key list --json | sed -n 's/^{"id":"\\([0-9a-f]\\{8\\}\\).*"current":false.*/\\1/p' | tail -n 1; }`;

function placed(line: string, box: Sandbox, day: string): string {
  const id = line.startsWith("agent key ") ? "$(key_id)" : "$(backup_id)";
  return line.replaceAll(/(?<= )\/(etc|srv)\b/g, (path) => box.join(path.slice(1)))
    .replaceAll(/(?<==)\/etc\b/g, box.join("etc")).replaceAll("/backup/repo", box.repo)
    .replaceAll("/backup/other", box.join("other")).replaceAll("/restore", box.join("restore")).replaceAll(
      "1f2e3d4c",
      id,
    ).replaceAll("2026-08-30", day);
}

programTest({
  name: "every line of Daily use and By example does what it says",
  needs: ["bash", "sed"],
  timeout: 600_000,
  async fn() {
    await using box = await emptySandbox();
    await standIns(box);
    const lines = (await Promise.all(SECTIONS.map(([path, heading]) => shellLines(path, heading)))).flat();
    const day = new Date(Date.now() - DAY_MS).toISOString().slice(0, 10);
    const catalogue = `AGENT_CATALOGUE="${box.join("catalogue.sqlite")}"`;
    const exports: string[] = [`export TZ=UTC PATH="${box.join("bin")}:$PATH" ${catalogue}`];
    const run = (line: string) => box.shell([PRELUDE, ...exports, line].join("\n"));
    const commands = new Set<string>();
    for (const line of lines) {
      if (NEEDS_SERVER.test(line)) continue;
      const command = placed(line, box, day);
      if (line.startsWith("export ")) {
        exports.push(command);
        continue;
      }
      const { exitCode, stdout, stderr } = await run(command);
      assert.equal(exitCode, 0, `${line}\n${stdout}${stderr}`);
      for (const [, name] of line.matchAll(/\bagent ([a-z-]+)/g)) commands.add(name!);
      if (/\| agent put/.test(line)) assert.match(stdout, /^[0-9a-f]{64}\n$/, "put prints the id");
      if (/^agent get.*\| mysql/.test(line)) await assertSame(box, "loaded.sql");
      if (/--into mysql:/.test(line)) await assertSame(box, "loaded.sql");
      if (/-o shop\.sql/.test(line)) await assertSame(box, "shop.sql");
      if (/^agent init/.test(line)) {
        await cheapenKeyOf(box, /-r \/backup\/other/.test(line) ? "other" : "repo");
        assert.equal((await run(`mysqldump shop | agent put prod/shop -q --time ${day}T03:17Z`)).exitCode, 0);
      }
    }
    const { stdout } = await box.shell('"$AGENT" --help');
    const all = [...stdout.matchAll(/^ {2}([a-z-]+) .*\[(?:options)\]/gm)].map(([, name]) => name!);
    const elsewhere = [
      "catalogue",
      "sql",
      "serve",
      "url",
      "gateway",
      "tables",
      "kv",
      "config",
      "configure",
      "plugins",
      "completion",
      "man",
      "help",
    ];
    assert.deepEqual(all.filter((name) => !commands.has(name) && !elsewhere.includes(name)), [], "not shown");
  },
});

/** Opening a repository as dear as it is made would take most of the time of all other lines. */
async function cheapenKeyOf(box: Sandbox, repository: string): Promise<void> {
  const password = (await Deno.readTextFile(box.join("etc/agent.password"))).trimEnd();
  const store = openLocalStore(box.join(repository), { random: systemRandomBytes });
  await cheapenKey(store, password);
  await store.close();
}

async function assertSame(box: Sandbox, file: string): Promise<void> {
  const [restored, dumped] = await Promise.all([file, "dump.sql"].map((name) => Deno.readFile(box.join(name))));
  assert.equal(hash("sha256", restored!), hash("sha256", dumped!), file);
}
