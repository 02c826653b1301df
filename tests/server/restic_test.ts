/** restic as a client: a repository's whole life over the server, with and without append-only. */
import assert from "node:assert/strict";
import { findProgram, programTest } from "../helpers/programs.ts";
import { type Served, served, servedFolder } from "./served.ts";

/** Runs restic on a repository of the server; gives its exit code and what it said. */
async function restic(program: string, box: Served, ...args: string[]): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: ["--no-cache", ...args],
    env: { RESTIC_REPOSITORY: `rest:${box.server.url}alice/shop/`, RESTIC_PASSWORD: "password" },
  }).output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

async function ok(program: string, box: Served, ...args: string[]): Promise<string> {
  const { code, text } = await restic(program, box, ...args);
  assert.equal(code, 0, `restic ${args.join(" ")}: ${text}`);
  return text;
}

const VERSIONS = ["restic", ...findProgram("restic-newest") ? ["restic-newest"] : []];

for (const version of VERSIONS) {
  programTest({
    name: `${version} makes, fills, checks, reads and prunes a repository on the server`,
    needs: [version],
    async fn(programs) {
      const program = programs[version]!;
      await using source = await servedFolder();
      for (let i = 0; i < 20; i++) await Deno.writeTextFile(`${source.folder}/${i}.txt`, `file ${i}\n`.repeat(5000));
      await using box = await served();
      await ok(program, box, "init");
      await ok(program, box, "backup", source.folder);
      await Deno.writeTextFile(`${source.folder}/more.txt`, "more");
      await ok(program, box, "backup", source.folder);
      await ok(program, box, "check", "--read-data");
      assert.equal(await ok(program, box, "dump", "latest", `${source.folder}/more.txt`), "more");
      await ok(program, box, "forget", "--keep-last", "1", "--prune");
      await ok(program, box, "check", "--read-data");
      assert.deepEqual(box.problems, []);
    },
  });
}

programTest({
  name: "restic backs up to an append-only server, and cannot remove what is there",
  needs: ["restic"],
  async fn({ restic: program }) {
    await using box = await served({ rules: { appendOnly: true, privateRepositories: false } });
    await ok(program, box, "init");
    await ok(program, box, "backup", import.meta.filename!);
    await ok(program, box, "check");
    assert.deepEqual((await box.files()).filter((path) => path.includes("/locks/")), []);
    const snapshots = (await box.files()).filter((path) => path.includes("/snapshots/"));
    const answer = await box.request("DELETE", `/${snapshots[0]}`);
    assert.equal(answer.status, 403);
  },
});
