/** Users and groups as the files of the machine list them, without directory services. */
import { readFileSync } from "node:fs";
import type { Accounts } from "../accounts.ts";
import { Errno } from "../kernel_errors.ts";
import { attempt, errnoOf } from "./paths.ts";

/** Accounts in `/etc/passwd` and `/etc/group`. */
export class PortableAccounts implements Accounts {
  readonly #users: Table;
  readonly #groups: Table;
  readonly effectiveUserId: number;
  readonly mayChangeOwners: boolean;

  /** Throws `FileSystemError` if the files are there and cannot be read: numbers without names would be a guess. */
  constructor({ users, groups } = { users: "/etc/passwd", groups: "/etc/group" }) {
    this.#users = new Table(users);
    this.#groups = new Table(groups);
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

/** The names and numbers in a file with lines of `NAME:PASSWORD:NUMBER:…`. */
class Table {
  readonly #entries: readonly { readonly name: string; readonly id: number }[];

  constructor(path: string) {
    this.#entries = linesOf(path).flatMap((line) => {
      const [name = "", , id = ""] = line.split(":");
      return name !== "" && /^\d+$/.test(id) ? [{ name, id: Number(id) }] : [];
    });
  }

  nameOf(id: number): string {
    return this.#entries.find((entry) => entry.id === id)?.name ?? "";
  }

  idOf(name: string): number | null {
    return this.#entries.find((entry) => entry.name === name)?.id ?? null;
  }
}

/** None if the machine has no such file. */
function linesOf(path: string): readonly string[] {
  return attempt("read the accounts in", () => path, () => {
    try {
      return readFileSync(path, "utf8").split("\n");
    } catch (error) {
      if (errnoOf(error) === Errno.ENOENT) return [];
      throw error;
    }
  });
}
