/** Answers that look whole and are not what the server said: they never become a wrong backup. */
import { AgentError } from "../../src/base/errors.ts";
import { LOGIN_PAGE, type NetworkFault, requestsFrom } from "../helpers/network_faults.ts";
import { assertDone, assertFailed, BadNetwork } from "./bad_network.ts";

Deno.test("a login page with a good status is no repository", async () => {
  await using network = await BadNetwork.open();
  network.proxy.plan = () => LOGIN_PAGE;
  assertFailed(await network.put(), AgentError, "a put");
  await network.verify();
});

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
    await network.verify();
  });
}
