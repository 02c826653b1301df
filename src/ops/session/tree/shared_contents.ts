/** The contents of files with several names, until the last of their names came. */
import { invariant } from "../../../base/errors.ts";
import type { FileContent, TreeSlot } from "./tree_writer.ts";

/** A file whose content further entries take. */
interface Shared {
  content: FileContent | undefined;
  /** Entries that came before the content. */
  readonly waiting: TreeSlot[];
}

/** Contents by the path under which they came. */
export class SharedContents {
  readonly #contents = new Map<string, Shared>();

  /** Takes a shared file. Its slot is settled by way of the one that is returned. */
  add(path: string, slot: TreeSlot): TreeSlot {
    const shared: Shared = { content: undefined, waiting: [slot] };
    this.#contents.set(path, shared);
    return {
      settle(content) {
        shared.content = content;
        for (const waiting of shared.waiting.splice(0)) waiting.settle(content);
      },
    };
  }

  /** Gives an entry the content of a shared file, at once or as soon as it is known. */
  take({ path, isLast }: { readonly path: string; readonly isLast: boolean }, slot: TreeSlot): void {
    const shared = this.#contents.get(path);
    invariant(shared, `No shared file came under the path ${JSON.stringify(path)}`);
    if (shared.content === undefined) shared.waiting.push(slot);
    else slot.settle(shared.content);
    if (isLast) this.#contents.delete(path);
  }
}
