/** Where the configuration file is looked for, and where it is not. */
import assert from "node:assert/strict";
import { configurationPath, findConfiguration, ownConfigurationPath } from "../../src/config/find_configuration.ts";
import { TrustedDirectory, trustedTest } from "../helpers/trusted_directory.ts";

/** A machine with these variables. */
function machine(variables: Readonly<Record<string, string>>, directory = "/nowhere") {
  return { uid: Deno.uid(), env: (name: string) => variables[name], directory: () => directory };
}

trustedTest("the option comes first, then the variable, then the user's own folder", async () => {
  using directory = new TrustedDirectory();
  const [option, variable, xdg, home] = [
    "option.toml",
    "variable.toml",
    "xdg/agent/agent.toml",
    "home/.config/agent/agent.toml",
  ]
    .map((path) => directory.write(path, ""));
  const all = { AGENT_CONFIG: variable!, XDG_CONFIG_HOME: directory.at("xdg"), HOME: directory.at("home") };
  assert.equal(await configurationPath(option, machine(all)), option);
  assert.equal(await configurationPath(undefined, machine(all)), variable);
  assert.equal(await configurationPath(undefined, machine({ ...all, AGENT_CONFIG: "" })), xdg);
  assert.equal(await configurationPath(undefined, machine({ HOME: all.HOME })), home);
});

Deno.test("a relative XDG_CONFIG_HOME and a home of / count as none", () => {
  assert.equal(ownConfigurationPath(machine({ XDG_CONFIG_HOME: "x", HOME: "/h" })), "/h/.config/agent/agent.toml");
  assert.equal(ownConfigurationPath(machine({ HOME: "/" })), undefined);
  assert.equal(ownConfigurationPath(machine({})), undefined);
});

trustedTest("the working directory is not looked at, but a relative path that is named is", async () => {
  using directory = new TrustedDirectory();
  directory.write("agent.toml", "");
  directory.write(".config/agent/agent.toml", "");
  const here = machine({ XDG_CONFIG_HOME: "/nowhere" }, directory.path);
  assert.notEqual(await configurationPath(undefined, here), directory.at("agent.toml"));
  assert.equal(await configurationPath("agent.toml", here), directory.at("agent.toml"));
});

Deno.test("a file that is named has to be there", async () => {
  for (const [named, env] of [["/nowhere/x.toml", {}], [undefined, { AGENT_CONFIG: "/nowhere/x.toml" }]] as const) {
    await assert.rejects(
      findConfiguration(named, machine(env)),
      { message: 'There is no configuration file "/nowhere/x.toml"; check --config or AGENT_CONFIG', exitCode: 2 },
    );
  }
  await assert.rejects(findConfiguration("", machine({})), /the path is empty/);
});

trustedTest("/dev/null means no configuration at all", async () => {
  using directory = new TrustedDirectory();
  directory.write("agent/agent.toml", "nonsense");
  const here = machine({ XDG_CONFIG_HOME: directory.path, AGENT_CONFIG: "/dev/null" });
  assert.equal(await findConfiguration(undefined, here), undefined);
});

trustedTest("a broken link is not passed over", async () => {
  using directory = new TrustedDirectory();
  directory.write("agent/x", "");
  await Deno.symlink("gone", directory.at("agent/agent.toml"));
  await assert.rejects(findConfiguration(undefined, machine({ XDG_CONFIG_HOME: directory.path })));
});

trustedTest("mistakes are reported with the path that was named", async () => {
  using directory = new TrustedDirectory();
  const path = directory.write("agent.toml", "a = 1");
  await assert.rejects(findConfiguration(path, machine({})), (error: Error) => error.message.startsWith(`${path}:1: `));
});
