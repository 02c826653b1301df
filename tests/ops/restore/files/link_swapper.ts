/**
 * A thread that swaps a folder for a link to another place and back, whatever somebody else makes there meanwhile, until
 * it is told to stop. Its first message has the folder, the link, and a shared word: 0 go on, 1 stop.
 */
import { renameSync, rmSync, symlinkSync } from "node:fs";

const scope = self as unknown as {
  onmessage: (event: MessageEvent<{ folder: string; leadsTo: string; stop: SharedArrayBuffer }>) => void;
  postMessage(message: string): void;
};

scope.onmessage = ({ data: { folder, leadsTo, stop } }) => {
  const word = new Int32Array(stop);
  scope.postMessage("begun");
  while (Atomics.load(word, 0) === 0) {
    attempt(() => renameSync(folder, `${folder}.aside`));
    attempt(() => symlinkSync(leadsTo, folder));
    attempt(() => rmSync(folder, { recursive: true }));
    attempt(() => renameSync(`${folder}.aside`, folder));
  }
  scope.postMessage("ended");
};

function attempt(step: () => void): void {
  try {
    step();
  } catch {
    // Somebody made something in between: the next round goes on from there.
  }
}
