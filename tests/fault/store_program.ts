/**
 * A program of its own that works on a local store, to be killed or bound by the modes of files: `store_program.ts MODE FOLDER`.
 * `put` stores one pack and prints `stored` or the name of the error; `stall` stores one pack, prints `stored`, begins
 * another, prints `half` when a part of it is written, and then waits to be killed.
 */
import { openLocalStore } from "../../src/store/local/local_store.ts";
import type { FileSystem } from "../../src/store/local/local_file.ts";
import { bytesOf, pack } from "../conformance/stored_files.ts";
import { fileSystem } from "../store/local_fixture.ts";

const random = (lengthBytes: number) => crypto.getRandomValues(new Uint8Array(lengthBytes));

async function say(line: string): Promise<void> {
  await Deno.stdout.write(new TextEncoder().encode(`${line}\n`));
}

/** A filesystem on which writing stops for ever after the first piece. */
function stalling(): FileSystem {
  const files = fileSystem();
  return {
    ...files,
    async open(path, options) {
      const file = await files.open(path, options);
      let pieces = 0;
      const write = file.write.bind(file);
      file.write = async (piece) => {
        if (pieces++ > 0) {
          await say("half");
          await new Promise((resolve) => setTimeout(resolve, 2 ** 30));
        }
        return await write(piece);
      };
      return file;
    },
  };
}

if (import.meta.main) {
  const [mode, folder] = Deno.args;
  const store = openLocalStore(folder!, { random });
  const outcome = await store.put(pack(1), [bytesOf(1000)]).then(() => "stored", (thrown) => thrown.name);
  await say(outcome);
  if (mode === "stall") {
    await openLocalStore(folder!, { random, files: stalling() }).put(pack(2), [bytesOf(5_000_000)]);
  }
}
