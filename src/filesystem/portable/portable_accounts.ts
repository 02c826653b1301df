/** Users and groups as the files of the machine list them, without directory services. */
import { readFileSync } from "node:fs";
import type { Accounts } from "../accounts.ts";

/** Accounts in `/etc/passwd` and `/etc/group`. */
export class PortableAccounts implements Accounts {
  readonly #users = new Table("/etc/passwd");
  readonly #groups = new Table("/etc/group");
  readonly effectiveUserId: number;
  readonly mayChangeOwners: boolean;

  constructor() {
    this.effectiveUserId = Deno.uid() ?? 0;
    this.mayChangeOwners = this.effectiveUserId === 0;
  }

  userName(userId: number): string {
    return this.#users.nameOf(userId);
  }

  groupName(groupId: number): string {
    return this.#groups.nameOf(groupId);
  }

  userId(name: string): number | null {
    return this.#users.idOf(name);
  }

  groupId(name: string): number | null {
    return this.#groups.idOf(name);
  }
}

/** A file with lines of `NAME:PASSWORD:NUMBER:…`, read once it is needed. */
class Table {
  readonly #path: string;
  #entries: readonly { readonly name: string; readonly id: number }[] | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  nameOf(id: number): string {
    return this.#all.find((entry) => entry.id === id)?.name ?? "";
  }

  idOf(name: string): number | null {
    return this.#all.find((entry) => entry.name === name)?.id ?? null;
  }

  get #all(): readonly { readonly name: string; readonly id: number }[] {
    return this.#entries ??= linesOf(this.#path).flatMap((line) => {
      const [name = "", , id = ""] = line.split(":");
      return name !== "" && /^\d+$/.test(id) ? [{ name, id: Number(id) }] : [];
    });
  }
}

/** None if the machine has no such file. */
function linesOf(path: string): readonly string[] {
  try {
    return readFileSync(path, "utf8").split("\n");
  } catch {
    return [];
  }
}
