/** Secrets in the environment: children do not get them, and passwords are bytes. */
import { deepEqual, equal, throws } from "node:assert/strict";
import { UsageError } from "../../../src/base/errors.ts";
import { Environment, type SystemEnvironment } from "../../../src/cli/process/secrets.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** An environment as Deno has one: text that is not UTF-8 is listed nowhere and throws. */
function systemWith(
  variables: Readonly<Record<string, string | Uint8Array>>,
  { tellsBytes = true } = {},
): SystemEnvironment & { readonly left: () => string[] } {
  const now = new Map(Object.entries(variables));
  const raw = Object.entries(variables).map(([name, value]) => [
    ...encode(`${name}=`),
    ...typeof value === "string" ? encode(value) : value,
    0,
  ]);
  return {
    get(name) {
      const value = now.get(name);
      if (value instanceof Uint8Array) throw new Deno.errors.InvalidData(`not valid unicode: ${value}`);
      return value;
    },
    set: (name, value) => void now.set(name, value),
    delete: (name) => void now.delete(name),
    toObject: () =>
      Object.fromEntries([...now].filter((entry): entry is [string, string] => typeof entry[1] === "string")),
    raw: () => tellsBytes ? Uint8Array.from(raw.flat()) : undefined,
    left: () => [...now.keys()].sort(),
  };
}

const LATIN1 = Uint8Array.from([0x70, 0xe4, 0x73, 0x73]);

Deno.test("secrets are taken out of the process's environment, and the program still has them", () => {
  const system = systemWith({
    AGENT_PASSWORD: LATIN1,
    RESTIC_REST_PASSWORD: "p=w=d",
    AWS_SECRET_ACCESS_KEY: "key",
    MYSQL_PWD: LATIN1,
    PATH: "/bin",
  });
  const environment = new Environment(system, { passSecrets: false });
  deepEqual(system.left(), ["MYSQL_PWD", "PATH"]);
  deepEqual(environment.withheld, ["AGENT_PASSWORD", "AWS_SECRET_ACCESS_KEY", "RESTIC_REST_PASSWORD"]);
  equal(environment.get("RESTIC_REST_PASSWORD"), "p=w=d");
  equal(environment.get("PATH"), "/bin");
  equal(environment.get("ABSENT"), undefined);
  deepEqual(environment.bytes("AGENT_PASSWORD"), LATIN1);
  deepEqual(environment.bytes("MYSQL_PWD"), LATIN1);
  deepEqual(environment.bytes("AWS_SECRET_ACCESS_KEY"), encode("key"));
  equal(environment.bytes("ABSENT"), undefined);
});

Deno.test("children get the secrets where they are to be passed", () => {
  const system = systemWith({ AGENT_PASSWORD: LATIN1, AWS_PROFILE: "backup" });
  const environment = new Environment(system, { passSecrets: true });
  deepEqual(system.left(), ["AGENT_PASSWORD", "AWS_PROFILE"]);
  deepEqual(environment.withheld, []);
  deepEqual(environment.bytes("AGENT_PASSWORD"), LATIN1);
});

Deno.test("one more variable is withheld, and all are given back, as the configuration file says", () => {
  const system = systemWith({ AGENT_PASSWORD: "secret", SHOP_SECRET: "own", PATH: "/bin" });
  const environment = new Environment(system, { passSecrets: false });
  for (const name of ["SHOP_SECRET", "ABSENT"]) environment.withhold(name);
  deepEqual(system.left(), ["PATH"]);
  deepEqual(environment.withheld, ["AGENT_PASSWORD", "SHOP_SECRET"]);
  equal(environment.get("SHOP_SECRET"), "own");
  environment.pass();
  deepEqual(system.left(), ["AGENT_PASSWORD", "PATH", "SHOP_SECRET"]);
  deepEqual(environment.withheld, []);
  environment.withhold("SHOP_SECRET");
  deepEqual(system.left(), ["AGENT_PASSWORD", "PATH", "SHOP_SECRET"]);
});

Deno.test("what is not UTF-8 is refused where it has to be text, without being shown", () => {
  const environment = new Environment(systemWith({ AGENT_REST_PASSWORD: LATIN1 }), { passSecrets: false });
  throws(() => environment.get("AGENT_REST_PASSWORD"), (error) => {
    return error instanceof UsageError && /^The variable AGENT_REST_PASSWORD is not UTF-8/.test(error.message) &&
      !/p.ss|112/.test(error.message.replace("password", ""));
  });
});

Deno.test("where the system does not tell bytes, a password that is not UTF-8 is refused and still kept from children", () => {
  const system = systemWith({ RESTIC_PASSWORD: LATIN1, AGENT_PASSWORD: "text" }, { tellsBytes: false });
  const environment = new Environment(system, { passSecrets: false });
  deepEqual(system.left(), []);
  deepEqual(environment.bytes("AGENT_PASSWORD"), encode("text"));
  throws(
    () => environment.bytes("RESTIC_PASSWORD"),
    /^UsageError: The variable RESTIC_PASSWORD is not UTF-8.*use a file/,
  );
});

Deno.test("of a variable that is there twice the first one counts", () => {
  const system = systemWith({ AGENT_PASSWORD: LATIN1 });
  const twice = { ...system, raw: () => Uint8Array.from([...system.raw()!, ...encode("AGENT_PASSWORD=other\0")]) };
  deepEqual(new Environment(twice, { passSecrets: false }).bytes("AGENT_PASSWORD"), LATIN1);
});
