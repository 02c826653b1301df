/** The keys of an agent's repository: the passwords that open it. */
import type { KeyId } from "../base/id.ts";
import type { Password } from "../crypto/kdf.ts";
import { keyAdd, keyChange, keyList, keyRemove, type KeyRow } from "../ops/keys.ts";
import type { AgentCalls } from "./opening/agent_calls.ts";
import type { CallOptions } from "./opening/agent_parts.ts";

/** The passwords that open a repository. */
export class AgentKeys {
  readonly #calls: AgentCalls;

  /** Made by `openAgent`. */
  constructor(calls: AgentCalls) {
    this.#calls = calls;
  }

  /** All keys, oldest first. */
  list({ signal }: CallOptions = {}): Promise<KeyRow[]> {
    return this.#calls.run({ series: null, signal }, ({ access, world }, signal) => keyList(access, { world, signal }));
  }

  /** Adds a password, and returns the name of its key. */
  add(password: Password, { signal }: CallOptions = {}): Promise<KeyId> {
    const newPassword = () => Promise.resolve({ password, isRandom: false });
    return this.#calls.run(
      { series: null, signal, command: "key add" },
      ({ access, world }, signal) => keyAdd(access, { newPassword }, { world, signal }),
    );
  }

  /** Puts another password in place of the one in use, which the agent uses from then on. */
  change(password: Password, { signal }: CallOptions = {}): Promise<KeyId> {
    const newPassword = () => Promise.resolve({ password, isRandom: false });
    return this.#calls.run(
      { series: null, signal, command: "key passwd" },
      async ({ access, world, usePassword }, signal) => {
        const id = await keyChange(access, { newPassword }, { world, signal });
        usePassword(password);
        return id;
      },
    );
  }

  /** Removes the key whose name begins so, unless it is the one in use, and returns its name. */
  remove(prefix: string, { signal }: CallOptions = {}): Promise<KeyId> {
    return this.#calls.run(
      { series: null, signal, command: "key remove" },
      ({ access, world }, signal) => keyRemove(access, { prefix }, { world, signal }),
    );
  }
}
