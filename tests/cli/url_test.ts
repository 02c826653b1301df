/** `agent url` and `agent gateway revoke`: the URL alone goes to standard output, and what it gives is told beside it. */
import { deepEqual, equal, match } from "node:assert/strict";
import { ExitCode } from "../../src/base/errors.ts";
import { Desk } from "./desk.ts";

const URL_LINE =
  /^http:\/\/127\.0\.0\.1:8088\/[0-9a-f]{64}\/(stream|backup|table|value)\/(\S+)\?expires=(\d+)&signature=[\w-]{43}\n$/;

Deno.test("agent url prints the URL alone, and beside it what it gives until when", async () => {
  await Desk.with(async (desk) => {
    const id = await desk.put("prod/shop", "orders", "--filename", "shop.sql", "--guard", "none");
    const { exitCode, stdout, stderr } = await desk.run(["url", "prod/shop", "--expires", "60s"]);
    equal(exitCode, ExitCode.done);
    const [, kind, path, seconds] = URL_LINE.exec(stdout)!;
    deepEqual([kind, path], ["stream", "shop.sql"]);
    equal(Number(seconds), Math.ceil(desk.world.clock.now().getTime() / 1000) + 60);
    match(
      stderr,
      new RegExp(`^It gives the stream "shop.sql" of prod/shop@${id.slice(0, 8)} to whoever has it, until `),
    );
    const quiet = await desk.run(["url", "prod/shop", "--expires", "60s", "--quiet"]);
    match(quiet.stdout, URL_LINE);
    equal(quiet.stderr, "");
  });
});

Deno.test("agent url --json tells what the URL names", async () => {
  await Desk.with(async (desk) => {
    const id = await desk.put("prod/shop", "orders", "--guard", "none");
    const [made] = await desk.json(
      "url",
      "prod/shop",
      "--expires",
      "1h",
      "--gateway",
      "https://backups.example.org/dl",
    );
    const { url, snapshot, expires, ...others } = made as Record<string, string>;
    deepEqual(others, { kind: "stream", path: "data", id, series: "prod/shop" });
    equal(url!.startsWith(`https://backups.example.org/dl/${snapshot}/stream/data?expires=`), true);
    equal(url!.includes(`expires=${Date.parse(expires!) / 1000}&`), true);
  });
});

Deno.test("the gateway of the option wins over that of the environment", async () => {
  await Desk.with(async (desk) => {
    await desk.put("prod/shop", "orders", "--guard", "none");
    const env = { AGENT_GATEWAY: "https://env.example" };
    const ask = async (...args: string[]) =>
      (await desk.run(["url", "prod/shop", "--expires", "60s", ...args], { env })).stdout;
    match(await ask(), /^https:\/\/env\.example\//);
    match(await ask("--gateway", "https://option.example"), /^https:\/\/option\.example\//);
  });
});

Deno.test("agent url refuses what names nothing, and asks for how long", async () => {
  await Desk.with(async (desk) => {
    await desk.put("prod/shop", "orders", "--guard", "none");
    const refused: readonly (readonly [string[], RegExp])[] = [
      [["url", "prod/shop"], /--expires 60s/],
      [["url", "prod/shop", "--expires", "soon"], /Not a duration/],
      [["url", "prod/shop", "--expires", "0s"], /cannot be valid for 0 seconds/],
      [["url", "prod/shop", "--expires", "99999d"], /at most ten years/],
      [["url", "prod/shop", "--expires", "60s", "--file", "wiki.sql"], /no file "wiki\.sql"/],
      [["url", "prod/shop", "--expires", "60s", "--gateway", "backups.example.org"], /Not the address of a gateway/],
      [["url", "prod/shop@2020-01-01", "--expires", "60s"], /prod\/shop/],
      [["url", "prod/wiki", "--expires", "60s"], /prod\/wiki/],
    ];
    for (const [args, reason] of refused) {
      const { exitCode, stdout, stderr } = await desk.run(args);
      deepEqual([exitCode, stdout], [ExitCode.usage, ""], args.join(" "));
      match(stderr, reason);
    }
    equal((await desk.ids()).length, 1, "nothing was written for what was refused");
  });
});

Deno.test("agent gateway revoke begins another generation, which the next URL is signed by", async () => {
  await Desk.with(async (desk) => {
    await desk.put("prod/shop", "orders", "--guard", "none");
    const unused = await desk.run(["gateway", "revoke"]);
    deepEqual([unused.exitCode, unused.stdout], [ExitCode.done, ""]);
    match(unused.stderr, /No URL had been made/);
    const { stderr } = await desk.run(["gateway", "revoke"]);
    match(stderr, /All URLs that were made so far are refused; generation 2/);
    const [revoked] = await desk.json("gateway", "revoke");
    deepEqual([revoked!.generation, revoked!.before], [3, 2]);
    match(String(revoked!.id), /^[0-9a-f]{64}$/);
  });
});
