/** One request over HTTP, as it is written: nothing in its path is normalized. */
import { type IncomingHttpHeaders, request as httpRequest } from "node:http";
import { concatBytes } from "../../src/base/bytes.ts";

/** How an answer came. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
  readonly text: string;
}

/** What is asked for. */
interface Asked {
  readonly port: number;
  readonly method: string;
  readonly path: string;
  readonly headers?: Record<string, string | number>;
  readonly body?: Uint8Array | undefined;
}

/** Sends a request to this machine, on a connection of its own. Rejects if the answer breaks off. */
export function requestOnce({ body, ...asked }: Asked): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ host: "127.0.0.1", ...asked, agent: false }, (answer) => {
      const parts: Uint8Array[] = [];
      answer.on("data", (part: Uint8Array) => parts.push(part)).on("error", reject);
      answer.on("end", () => {
        const whole = concatBytes(parts);
        const text = new TextDecoder().decode(whole);
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: whole, text });
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
