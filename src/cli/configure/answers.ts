/** What a person answers, before anything is made of it. */

/** Where the password of a repository comes from. */
export type PasswordAnswer =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "new-file"; readonly path: string }
  | { readonly kind: "command"; readonly command: string };

/** A repository, and whether it is there already. */
export interface RepositoryAnswer {
  /** An absolute path or a URL. */
  readonly url: string;
  readonly exists: boolean;
  readonly password: PasswordAnswer;
}

/** What a rotation keeps. */
export interface RotationAnswer {
  readonly days: number;
  readonly weeks: number;
  readonly months: number;
  /** What the file says of years, which is not asked for; absent for none. */
  readonly years?: number;
  /** 0 = Monday to 6 = Sunday. */
  readonly firstWeekDay: number;
}

/** What is backed up first. */
export interface FirstBackupAnswer {
  readonly series: string;
  /** An absolute path. */
  readonly path: string;
}
