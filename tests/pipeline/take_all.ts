/** Takes streams as the pipeline does, for tests of what feeds it. */
import type { Feed } from "../../src/pipeline/feed.ts";

/** Takes a whole stream, and gives every segment back at once. */
export async function takeAll(feed: Feed): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  for (let filled = await feed.next(); filled !== null; filled = await feed.next()) {
    pieces.push(filled.segment.bytes.slice(0, filled.length));
    filled.segment.release();
  }
  return pieces;
}
