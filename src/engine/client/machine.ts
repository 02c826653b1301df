/** What engines that talk to servers need of the machine. */

/** The surroundings in which client programs run. */
export interface ClientMachine {
  /** The variables of this process: where programs are (`PATH`), and what clients of databases read. */
  readonly environment: Readonly<Record<string, string>>;
  /** The folder for temporary files; absent for that of the system. */
  readonly temporaryFolder?: string;
}

/** The folder for temporary files: that of the system by default. */
export function temporaryFolderOf({ temporaryFolder, environment }: ClientMachine): string {
  return temporaryFolder ?? (environment.TMPDIR || "/tmp");
}
