/** Makes sure that a server's early answer is read, even if the upload fails afterwards. */
import type { Duplex } from "node:stream";

type Done = (error?: Error | null) => void;

/**
 * Delays the failure of a write until the socket's other direction has ended. A server that refuses an upload answers
 * and closes, so the next write fails. A socket whose write failed is destroyed at once, and the answer would be lost
 * unread in the system's buffer.
 */
export function holdWriteFailures(socket: Duplex): void {
  const write = socket._write.bind(socket);
  socket._write = (chunk, encoding, done) => write(chunk, encoding, holding(socket, done));
  const writev = socket._writev?.bind(socket);
  if (writev) socket._writev = (chunks, done) => writev(chunks, holding(socket, done));
}

function holding(socket: Duplex, done: Done): Done {
  return (error) => {
    if (!error || socket.destroyed || socket.readableEnded) return done(error);
    let isTold = false;
    const tell = () => {
      if (!isTold) done(error);
      isTold = true;
    };
    socket.once("end", tell);
    socket.once("close", tell);
  };
}
