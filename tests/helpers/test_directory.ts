/** A temporary directory for a test. */
import { join } from "node:path";

/** A new directory below that for temporary files. */
export class TestDirectory implements AsyncDisposable {
  readonly path: string;

  constructor() {
    this.path = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "agent-files-" }));
  }

  at(path: string): string {
    return join(this.path, path);
  }

  write(path: string, content: string | Uint8Array): void {
    Deno.mkdirSync(join(this.at(path), ".."), { recursive: true });
    Deno.writeFileSync(this.at(path), typeof content === "string" ? new TextEncoder().encode(content) : content);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}
