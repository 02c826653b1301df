/** Which version of this program runs. */

/** The version and the form of this program. */
export interface VersionInfo {
  /** The version, `0.0.0-source` for a source tree. */
  readonly version: string;
  /** The commit that it was built from; null if that is not known. */
  readonly commit: string | null;
  /** The version of Deno. */
  readonly deno: string;
  /** `compiled`, `self-extracting`, or `source` for a source tree. */
  readonly form: string;
}

/** What the build recorded; a source tree has nothing. */
export function versionInfo(): VersionInfo {
  const build = (globalThis as { AGENT_BUILD?: { form: string; version: string; commit?: string } }).AGENT_BUILD;
  return {
    version: build?.version ?? "0.0.0-source",
    commit: build?.commit ?? null,
    deno: Deno.version.deno,
    form: build?.form ?? "source",
  };
}
