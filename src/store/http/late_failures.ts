/** Lets an answer that came before the upload was over win over the failure of the upload. */
import type { Duplex } from "node:stream";

type Done = (error?: Error | null) => void;

/**
 * Makes failed writes of the socket wait until its other direction has ended. A server that refuses an upload answers and
 * closes; the next write then fails, and a socket whose write failed is destroyed at once, with the answer still unread in
 * the system's buffer.
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
