/** The contract of accounts: users, groups, and what this process may do to owners. */

/** Users and groups of the machine. Answers are cached for as long as the object lives. */
export interface Accounts {
  /** The number of the user in whose name this process acts. */
  readonly effectiveUserId: number;
  /** Whether this process may give files to other users and groups (the capability CAP_CHOWN). */
  readonly mayChangeOwners: boolean;
  /** The name of a user, or "" if the number has none. */
  userName(userId: number): string;
  /** The name of a group, or "" if the number has none. */
  groupName(groupId: number): string;
  /** The number of a user, or `null` if there is none of this name. */
  userId(name: string): number | null;
  /** The number of a group, or `null` if there is none of this name. */
  groupId(name: string): number | null;
}
