/**
 * Backups over a bad network. Whatever happens on the way, a put completes or fails as one of the project's errors, the
 * repository stays sound, and what was acknowledged restores.
 */
import assert from "node:assert/strict";
import { AgentError, StoreError, StoreFullError, TemporaryError } from "../../src/base/errors.ts";
import {
  everyNthRequest,
  LOGIN_PAGE,
  LOGIN_REDIRECT,
  type NetworkFault,
  type NetworkPlan,
  type ProxiedRequest,
  requestsFrom,
  to,
} from "../helpers/network_faults.ts";
import { BadNetwork, type Outcome } from "./bad_network.ts";

/** Faults that pass: whoever tries again gets through. */
const PASSING: Readonly<Record<string, NetworkFault>> = {
  "a reset connection": { type: "reset" },
  "an upload that breaks off": { type: "reset-upload", afterBytes: 70_000 },
  "a lost answer": { type: "lose-answer" },
  "a server error": { type: "answer", status: 500 },
  "a busy server": { type: "answer", status: 503, headers: { "retry-after": "2" } },
  "too many requests": { type: "answer", status: 429 },
  "an answer that breaks off": { type: "truncate", afterBytes: 90, as: "broken-off" },
  "an upload with a flipped bit": { type: "corrupt", body: "upload", atByte: 40_000 },
};

/** Where a passing fault strikes: spread over all requests, and on those a backup stands and falls with. */
const PLACES: Readonly<Record<string, (fault: NetworkFault) => NetworkPlan>> = {
  "every 2nd request": (fault) => everyNthRequest(2, fault),
  "every 5th request": (fault) => everyNthRequest(5, fault),
  "five packs in a row": (fault) => requestsFrom(2, fault, { times: 5, applies: to("POST", "/data/") }),
  "what commits it": (fault) => requestsFrom(1, fault, { times: 3, applies: isCommit }),
};

for (const [name, fault] of Object.entries(PASSING)) {
  Deno.test(`${name}: puts and gets get through`, async () => {
    await using network = await BadNetwork.open();
    for (const [place, planOf] of Object.entries(PLACES)) {
      network.proxy.plan = planOf(fault);
      assertDone(await network.put(), `a put with ${name} at ${place}`);
    }
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
    await using network = await BadNetwork.open();
    for (const first of [1, 5]) {
      network.proxy.plan = requestsFrom(first, fault, { times: Infinity });
      assertFailed(await network.put(), error, `a put with ${name} from request ${first} on`);
    }
    network.proxy.plan = HARMLESS;
    assertDone(await network.put(), "the next put");
    await network.verify();
  });
}

Deno.test("a login page with a good status is no repository", async () => {
  await using network = await BadNetwork.open();
  network.proxy.plan = () => LOGIN_PAGE;
  assertFailed(await network.put(), AgentError, "a put");
  await network.verify();
});

/** Answers that are wrong and look whole. */
const LIES: readonly NetworkFault[] = [
  { type: "corrupt", body: "answer", atByte: 100 },
  { type: "corrupt", body: "answer", atByte: Infinity },
  { type: "truncate", afterBytes: 64, as: "shorter-length" },
];

for (const lie of LIES) {
  Deno.test(`an answer with a lie in it never becomes a wrong backup: ${Object.values(lie).join(" ")}`, async () => {
    await using network = await BadNetwork.open();
    assertDone(await network.put(), "a put on a good network");
    for (const number of [1, 3, 7]) {
      network.proxy.plan = requestsFrom(number, lie);
      await network.put();
      network.proxy.plan = requestsFrom(2 * number, lie);
      await network.get();
    }
    network.proxy.plan = HARMLESS;
    assertDone(await network.put(), "a put on a network that is good again");
    await network.verify();
  });
}

for (const body of ["upload", "answer"] as const) {
  Deno.test(`an ${body} that stalls is given up and made again`, async () => {
    await using network = await BadNetwork.open();
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
    await reached;
    await network.restart(100);
    assertDone(await putting, `a put with a restart at request ${number}`);
  }
  await network.verify();
});

Deno.test("a server that goes for good in the middle of a put", async () => {
  await using network = await BadNetwork.open();
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
  await reached;
  await network.proxy.pause();
  assertFailed(await putting, TemporaryError, "a put whose server went");
  await network.verify();
  await network.proxy.resume();
  assertDone(await network.put(), "the put when the server is back");
  await network.verify();
});

const HARMLESS: NetworkPlan = () => undefined;

/** The index, then the snapshot. */
function isCommit(request: ProxiedRequest): boolean {
  return to("POST", "/index/")(request) || to("POST", "/snapshots/")(request);
}

function assertDone(outcome: Outcome, what: string): void {
  assert.ok(outcome.done, `${what} failed${outcome.done ? "" : `: ${outcome.error.message}`}`);
}

function assertFailed(outcome: Outcome, error: typeof AgentError, what: string): void {
  assert.ok(!outcome.done, `${what} went well`);
  assert.ok(outcome.error instanceof error, `${what} failed with ${outcome.error.name}: ${outcome.error.message}`);
}
