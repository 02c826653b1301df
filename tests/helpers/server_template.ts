/** Data directories of servers: made once in a run of the tests, then copied, since to make one takes seconds. */
import { equal } from "node:assert/strict";
import { join } from "node:path";

/** The folder of what has been made; `deno task test` makes it and removes it. Without it nothing is kept. */
const TEMPLATES = Deno.env.get("AGENT_TEST_TEMPLATES");

/** The folder `to`, made by `make`, or copied, with all its owners and modes, from what was made of this name before. */
export async function makeOnce(name: string, to: string, make: () => Promise<void>): Promise<void> {
  const template = TEMPLATES && join(TEMPLATES, name);
  if (template && await Deno.stat(template).then(() => true, () => false)) return await copyFolder(template, to);
  await make();
  if (template) await keep(to, template);
}

/** Copies to another name first, so that nobody finds a half of it. Whoever is the first to finish is right. */
async function keep(folder: string, template: string): Promise<void> {
  const own = `${template}-${crypto.randomUUID()}`;
  await copyFolder(folder, own);
  await Deno.rename(own, template).catch(() => Deno.remove(own, { recursive: true }));
}

async function copyFolder(from: string, to: string): Promise<void> {
  const { code, stderr } = await new Deno.Command("cp", { args: ["-a", "--", from, to], stdout: "null" }).output();
  equal(code, 0, new TextDecoder().decode(stderr));
}
