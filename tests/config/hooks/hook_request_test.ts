/** Hooks that are HTTP calls: what they send, which answers are failures, and servers that do not answer. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import type { RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { AgentError, InterruptedError } from "../../../src/base/errors.ts";
import type { HookMachine } from "../../../src/config/hooks/hook.ts";
import { hookHandler } from "../../../src/config/hooks/hook_handler.ts";
import { makeCertificate } from "../../helpers/certificates.ts";
import { emptySandbox } from "../../helpers/executable.ts";
import { withHttpServer } from "../../helpers/http_server.ts";
import { FakeClock } from "../../helpers/world.ts";
import { eventOf, hookOf, SESSION, testMachine, type ToldEvent } from "./hook_events.ts";

/** Calls a URL for an event. */
function call(url: string, event: ToldEvent = eventOf(), parts: Partial<HookMachine> = {}): Promise<void> {
  return hookHandler(hookOf({ url }, 30_000), testMachine(parts))(event);
}

/** The message of the error that a call fails with. */
async function failureOf(url: string, parts: Partial<HookMachine> = {}): Promise<string> {
  const error = await call(url, eventOf(), parts).then(() => undefined, (error) => error);
  ok(error instanceof AgentError, String(error));
  return error.message;
}

/** What a server gets whose answer is always the same. */
function answering(status: number, body = "", headers: Record<string, string> = {}) {
  const requests: { method: string; path: string; type?: string; text: string }[] = [];
  const listener: RequestListener = async (request, response) => {
    const parts: Uint8Array[] = [];
    for await (const part of request) parts.push(part);
    const { "content-type": type } = request.headers;
    requests.push({
      method: request.method!,
      path: request.url!,
      ...type && { type },
      text: await new Blob(parts as Uint8Array<ArrayBuffer>[]).text(),
    });
    response.writeHead(status, headers).end(body);
  };
  return { requests, listener };
}

Deno.test("the event is posted as JSON to the whole URL", async () => {
  const { requests, listener } = answering(204);
  await withHttpServer(listener, (origin) => call(`${origin}/a/b?token=x%20y`, eventOf({ result: [] })));
  equal(requests.length, 1);
  const { text, ...request } = requests[0]!;
  deepEqual(request, { method: "POST", path: "/a/b?token=x%20y", type: "application/json" });
  deepEqual(JSON.parse(text), { event: "onBackup", session: SESSION, series: "prod/shop", result: [] });
});

Deno.test("an answer that is not read to its end is no failure", async () => {
  await withHttpServer(answering(200, "a long answer\n".repeat(1000)).listener, (origin) => call(origin));
});

Deno.test("a status of 300 or more is a failure, and the first line of the answer tells why", async () => {
  const cases = [
    [500, "out of order\nsecond line", / answered 500: out of order$/],
    [403, "", / answered 403$/],
    [404, "<!doctype html><html>", / answered 404$/],
    [400, '\n\n{"error":"no \x1b[31mchannel"}', / answered 400: \{"error":"no {2}\[31mchannel"\}$/],
    [500, "x".repeat(5000), / answered 500: x{200}$/],
  ] as const;
  for (const [status, body, expected] of cases) {
    await withHttpServer(answering(status, body).listener, async (origin) => {
      const message = await failureOf(`${origin}/secret-of-the-channel`);
      match(message, expected);
      ok(message.startsWith(origin) && !message.includes("secret"), message);
    });
  }
});

Deno.test("before an action such a status is a refusal that names the hook", async () => {
  await withHttpServer(answering(503, "not at night").listener, async (origin) => {
    await rejects(call(origin, eventOf({ event: "beforeRestore" })), {
      name: "VetoError",
      message: `The hook "notify" refused (beforeRestore): ${origin} answered 503: not at night`,
    });
  });
});

Deno.test("redirects are not followed", async () => {
  const other = answering(200);
  await withHttpServer(other.listener, async (elsewhere) => {
    await withHttpServer(answering(307, "", { location: elsewhere }).listener, async (origin) => {
      match(await failureOf(origin), / answered 307, and redirects are not followed; name the address it leads to$/);
    });
  });
  deepEqual(other.requests, []);
});

Deno.test("a server that never answers is given up at the time limit, or when the action is interrupted", async () => {
  for (const how of ["limit", "interruption"] as const) {
    const [asked, clock, stopping] = [Promise.withResolvers<void>(), new FakeClock(), new AbortController()];
    await withHttpServer(() => asked.resolve(), async (origin) => {
      const calling = call(origin, eventOf({ signal: stopping.signal }), { clock });
      calling.catch(() => {});
      await asked.promise;
      if (how === "limit") await clock.advance(30_000);
      else stopping.abort(new InterruptedError());
      if (how === "limit") await rejects(calling, { message: "it did not end within 30 s" });
      else await rejects(calling, InterruptedError);
    });
  }
});

Deno.test("a server that cannot be reached is named without the path, and so is a URL that is none", async () => {
  let gone = "";
  await withHttpServer(answering(200).listener, (origin) => Promise.resolve(void (gone = origin)));
  equal(
    await failureOf(`${gone}/secret`),
    `Cannot reach ${gone}: nothing listens there; check the address, and that the server runs`,
  );
  for (const url of ["ftp://host/secret", "secret", "https://user:secret@host/"]) {
    equal(await failureOf(url), "its URL cannot be used; write https://HOST/PATH, without a user and a password");
  }
});

Deno.test("over TLS a private authority is trusted if the network options name it, and no client certificate is shown", async () => {
  await using box = await emptySandbox();
  const { certificateFile, keyFile, authorityFile } = await makeCertificate(box);
  const [cert, key, ca] = await Promise.all(
    [certificateFile, keyFile, authorityFile].map((path) => Deno.readTextFile(path)),
  ) as [string, string, string];
  const { requests, listener } = answering(200);
  const shown: boolean[] = [];
  const server = createTlsServer({ cert, key, requestCert: true, rejectUnauthorized: false }, (request, response) => {
    const socket = request.socket as unknown as { getPeerCertificate(): object };
    shown.push(Object.keys(socket.getPeerCertificate() ?? {}).length > 0);
    listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const network = { clientCertificate: { certificate: cert, key }, insecureTls: true };
    match(await failureOf(url, { network: () => Promise.resolve(network) }), /not signed by an authority trusted here/);
    await call(url, eventOf(), { network: () => Promise.resolve({ ...network, caCertificates: [ca] }) });
    equal(requests.length, 1);
    deepEqual(shown, [false]);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});
