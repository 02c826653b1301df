/** What every source of credentials receives. */
import type { Clock } from "../../../base/clock.ts";
import type { HttpClient } from "../../http/client.ts";
import type { RunProcess } from "./credential_process.ts";
import type { ReadTextFile } from "./profiles.ts";

/** What the search for credentials needs. */
export interface CredentialsDependencies {
  readonly env: (name: string) => string | undefined;
  readonly readTextFile: ReadTextFile;
  /** For services on or near this machine that lend credentials; uses no proxies. */
  readonly http: HttpClient;
  /** For the service that lends keys for roles; uses the same proxies and limits as the store. */
  readonly tokenService: HttpClient;
  readonly runProcess: RunProcess;
  readonly clock: Clock;
}
