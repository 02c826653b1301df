/**
 * Backups over a bad network. Whatever happens on the way, a put completes or fails as one of the project's errors, the
 * repository stays sound, and what was acknowledged restores.
 */
import { type AgentError, StoreError, StoreFullError, TemporaryError } from "../../src/base/errors.ts";
import {
  anyOf,
  everyNthRequest,
  LOGIN_REDIRECT,
  type NetworkFault,
  type NetworkPlan,
  type ProxiedRequest,
  requestsFrom,
  to,
} from "../helpers/network_faults.ts";
import { assertDone, assertFailed, BadNetwork, HARMLESS, IMPATIENT_MS, SHORT_STALL_MS } from "./bad_network.ts";

/** Faults that pass: whoever tries again gets through. */
const PASSING: Readonly<Record<string, NetworkFault>> = {
  "a reset connection": { type: "reset" },
  "an upload that breaks off": { type: "reset-upload", afterBytes: 35_000 },
  "a lost answer": { type: "lose-answer" },
  "a server error": { type: "answer", status: 500 },
  "a busy server": { type: "answer", status: 503, headers: { "retry-after": "2" } },
  "too many requests": { type: "answer", status: 429 },
  "an answer that breaks off": { type: "truncate", afterBytes: 90, as: "broken-off" },
  "an upload with a flipped bit": { type: "corrupt", body: "upload", atByte: 20_000 },
};

/** Where a passing fault strikes: spread over all requests, and again and again on those a backup stands and falls with. */
function everywhere(fault: NetworkFault): NetworkPlan {
  return anyOf(
    everyNthRequest(2, fault),
    requestsFrom(2, fault, { times: 5, applies: to("POST", "/data/") }),
    requestsFrom(1, fault, { times: 3, applies: isCommit }),
  );
}

for (const [name, fault] of Object.entries(PASSING)) {
  Deno.test(`${name}: puts and gets get through`, async () => {
    await using network = await BadNetwork.open();
    network.proxy.plan = everywhere(fault);
    assertDone(await network.put(), `a put with ${name}`);
    network.proxy.plan = everyNthRequest(3, fault);
    assertDone(await network.get(), `a get with ${name}`);
    await network.verify();
  });
}

/** Faults that stay, and what a put says of them. */
const LASTING: Readonly<Record<string, { fault: NetworkFault; error: typeof AgentError }>> = {
  "a server that is always in trouble": { fault: { type: "answer", status: 500 }, error: TemporaryError },
  "a network without the server": { fault: { type: "reset" }, error: TemporaryError },
  "a full server": { fault: { type: "answer", status: 507 }, error: StoreFullError },
  "a redirect to a login page": { fault: LOGIN_REDIRECT, error: StoreError },
  "answers that break off": { fault: { type: "truncate", afterBytes: 0, as: "broken-off" }, error: StoreError },
};

for (const [name, { fault, error }] of Object.entries(LASTING)) {
  Deno.test(`${name}: a put fails cleanly, and the next one succeeds`, async () => {
    await using network = await BadNetwork.open({ giveUpMs: IMPATIENT_MS });
    for (const first of [1, 5]) {
      network.proxy.plan = requestsFrom(first, fault, { times: Infinity });
      assertFailed(await network.put(), error, `a put with ${name} from request ${first} on`);
    }
    network.proxy.plan = HARMLESS;
    assertDone(await network.put(), "the next put");
    await network.verify();
  });
}

for (const body of ["upload", "answer"] as const) {
  Deno.test(`an ${body} that stalls is given up and made again`, async () => {
    await using network = await BadNetwork.open({ stallMs: SHORT_STALL_MS });
    const applies = body === "upload" ? to("POST", "/data/") : to("GET");
    network.proxy.plan = requestsFrom(2, { type: "stall", body, afterBytes: 50 }, { applies });
    assertDone(await network.put(), "the put");
    await network.verify();
  });
}

Deno.test("a server that restarts in the middle of a put", async () => {
  await using network = await BadNetwork.open();
  for (const number of [9, 14]) {
    const { promise: reached, resolve } = Promise.withResolvers<void>();
    const seenBefore = network.proxy.log.length;
    network.proxy.plan = (request) => {
      if (request.number === seenBefore + number) resolve();
      return undefined;
    };
    const putting = network.put();
    await Promise.race([reached, putting]);
    await network.restart(100);
    assertDone(await putting, `a put with a restart at request ${number}`);
  }
  await network.verify();
});

Deno.test("a server that goes for good in the middle of a put", async () => {
  await using network = await BadNetwork.open({ giveUpMs: IMPATIENT_MS });
  assertDone(await network.put(), "the put before");
  const { promise: reached, resolve } = Promise.withResolvers<void>();
  network.proxy.plan = requestsFrom(4, { type: "reset" }, { applies: to("POST", "/data/") });
  const { plan } = network.proxy;
  network.proxy.plan = (request) => {
    const fault = plan(request);
    if (fault) resolve();
    return fault;
  };
  const putting = network.put();
  await Promise.race([reached, putting]);
  await network.proxy.pause();
  assertFailed(await putting, TemporaryError, "a put whose server went");
  await network.verify();
  await network.proxy.resume();
  assertDone(await network.put(), "the put when the server is back");
  await network.verify();
});

/** The index, then the snapshot. */
function isCommit(request: ProxiedRequest): boolean {
  return to("POST", "/index/")(request) || to("POST", "/snapshots/")(request);
}
