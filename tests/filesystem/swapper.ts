/**
 * A thread that swaps a folder for a link and back until it is told to stop. Its first message has the paths and a
 * shared word: 0 go on, 1 stop. It answers once it has begun.
 */
import { renameSync } from "node:fs";

const scope = self as unknown as {
  onmessage: (event: MessageEvent<{ first: string; second: string; aside: string; stop: SharedArrayBuffer }>) => void;
  postMessage(message: string): void;
};

scope.onmessage = ({ data: { first, second, aside, stop } }) => {
  const word = new Int32Array(stop);
  scope.postMessage("begun");
  while (Atomics.load(word, 0) === 0) {
    renameSync(first, aside);
    renameSync(second, first);
    renameSync(first, second);
    renameSync(aside, first);
  }
  scope.postMessage("ended");
};
