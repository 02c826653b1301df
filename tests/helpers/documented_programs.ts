/** The programs in the documents, as programs of their own: what tests check and run. */
import { join } from "node:path";
import { blocksOf, page, ROOT } from "./documents.ts";

/** An example of docs/library.md: code, and whether it is to be run. */
interface Example {
  readonly code: string;
  /** Examples that need a server of databases are only checked. */
  readonly isRun: boolean;
}

/** A program, or a module that others import: that begins with a comment with the name of its file. */
interface NamedProgram {
  readonly name: string | null;
  readonly text: string;
}

/** The examples of a part of docs/library.md. */
async function examples(part: "agent" | "use cases"): Promise<Example[]> {
  const [agent, useCases] = (await page("docs/library.md")).text.split("## The use cases beneath");
  const text = part === "agent" ? agent! : useCases!;
  return [...text.matchAll(/```(ts|typescript)\n(.*?)```/gs)].map(([, language, code]) => {
    return { code: code!, isRun: language === "ts" };
  });
}

/** The examples of the agent as one program: the first one, and the others within the scope of its agent. */
export async function agentProgram({ isRun }: { readonly isRun: boolean }): Promise<string> {
  const imported = new Set<string>();
  const bodies = (await examples("agent")).filter((example) => !isRun || example.isRun).map(({ code }) => {
    const [statement, names] = /import \{(.*?)\} from "@agent\/agent";/s.exec(code) ?? ["", ""];
    for (const name of names!.split(",")) if (name.trim() !== "") imported.add(name.trim());
    return code.replace(statement, "");
  });
  return `import { ${[...imported].join(", ")} } from "@agent/agent";\n${bodies.join("\n")}`;
}

/** The programs of the use cases. */
export async function useCasePrograms(): Promise<string[]> {
  return (await examples("use cases")).map(({ code }) => code);
}

/** The programs in a text of docs/scripting.md. */
export function guidePrograms(text: string): NamedProgram[] {
  return [...text.matchAll(/```ts\n(.*?)```/gs)].map(([, text]) => {
    return { name: /^\/\/ (\w+\.ts)$/m.exec(text!.split("\n")[0]!)?.[1] ?? null, text: text! };
  });
}

/** The plugins of docs/plugins/ and the one of docs/plugins.md: their texts by the names of their files. */
export async function documentedPlugins(): Promise<Record<string, string>> {
  const folder = join(ROOT, "docs/plugins");
  const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  const texts = names.map(async (name) => [name, await Deno.readTextFile(join(folder, name))] as const);
  const [ofPage] = await blocksOf("plugins.md", "js");
  return { ...Object.fromEntries(await Promise.all(texts)), "sundays.js": ofPage! };
}

/** The project of docs/engines.md, with the program of docs/library.md that uses its engine: files by name. */
export async function engineProject(): Promise<Record<"deno.json" | `${string}.ts`, string>> {
  const [engine, fixture] = await blocksOf("engines.md", "ts");
  const [settings] = await blocksOf("engines.md", "json");
  const program = (await blocksOf("library.md", "ts")).find((code) => code.includes("withBackup"));
  const [withEngine] = await blocksOf("library.md", "text");
  return {
    "deno.json": settings!.replaceAll("/path/to/agent", ROOT),
    "log_engine.ts": engine!,
    "log_engine_test.ts": fixture!,
    "program.ts": program! + withEngine!,
  };
}
