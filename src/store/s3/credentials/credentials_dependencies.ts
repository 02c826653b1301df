/** What every source of credentials is given. */
import type { Clock } from "../../../base/clock.ts";
import type { HttpClient } from "../../http/client.ts";
import type { RunProcess } from "./credential_process.ts";
import type { ReadTextFile } from "./profiles.ts";

/** What credentials are looked for with. */
export interface CredentialsDependencies {
  readonly env: (name: string) => string | undefined;
  readonly readTextFile: ReadTextFile;
  /** Speaks to the services that lend credentials on this machine and next to it, without proxies. */
  readonly http: HttpClient;
  /** Speaks to the service that lends keys for roles, the way the store is spoken to. */
  readonly tokenService: HttpClient;
  readonly runProcess: RunProcess;
  readonly clock: Clock;
}
