/** Which form the executable under test has: what the runtime of the compiled form does, the program cannot change. */
import { EXECUTABLE } from "./executable.ts";

/** Whether it is the self-extracting form, whose shell header looks at the machine first. False if it cannot be started. */
export const isSelfExtracting: boolean = await new Deno.Command(EXECUTABLE, { args: ["version"], stderr: "null" })
  .output()
  .then(({ stdout }) => new TextDecoder().decode(stdout).includes("self-extracting"), () => false);
