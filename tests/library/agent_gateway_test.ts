/** An agent as a gateway: what it signs it serves, until it is closed. */
import { equal, rejects } from "node:assert/strict";
import { InterruptedError, UsageError } from "../../src/base/errors.ts";
import { systemClock } from "../../src/base/clock.ts";
import { fakeWorld } from "../helpers/world.ts";
import { bytesOf, openTestAgent } from "./agent_fixture.ts";

Deno.test("a gateway of an agent gives what its URLs name, and ends with the agent", async () => {
  // A server looks at the time again and again, which would never let a clock of the test stand still.
  const { agent } = await openTestAgent({ world: { ...fakeWorld(), clock: systemClock } as never });
  await agent.backup("prod/shop", bytesOf("dump"));
  const { places: [place] } = await agent.gateway({ listen: "127.0.0.1:0" });
  const url = await agent.getUrl("prod/shop", { seconds: 60, gateway: place!.url });
  equal(await (await fetch(url)).text(), "dump");
  await agent.revokeUrls();
  await agent.close();
  await rejects(fetch(url));
});

Deno.test("a gateway is refused where it could be overheard, and stops with its signal", async () => {
  const { agent } = await openTestAgent({ world: { ...fakeWorld(), clock: systemClock } as never });
  await rejects(agent.gateway({ listen: "0.0.0.0:0" }), UsageError);
  await rejects(agent.gateway({ listen: "somewhere" }), UsageError);
  await rejects(agent.gateway({}, { signal: AbortSignal.abort() }), InterruptedError);
  const stop = new AbortController();
  const { places: [place] } = await agent.gateway({ listen: "127.0.0.1:0" }, { signal: stop.signal });
  equal(await (await fetch(place!.url)).text(), "The URL is not valid: it was altered, or revoked\n");
  stop.abort();
  await agent.close();
  await rejects(fetch(place!.url));
});
