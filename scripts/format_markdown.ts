/** Markdown as `deno fmt` writes it, for pages that are generated. */

/** Formats a page. Throws `Error` if that fails. */
export async function formatMarkdown(page: string): Promise<string> {
  const formatter = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext=md", "--line-width=120", "-"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = formatter.stdin.getWriter();
  await writer.write(new TextEncoder().encode(page));
  await writer.close();
  const { success, stdout } = await formatter.output();
  if (!success) throw new Error("The page could not be formatted");
  return new TextDecoder().decode(stdout);
}
