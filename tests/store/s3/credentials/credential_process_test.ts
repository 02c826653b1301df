/** S3 credentials that a program prints. */
import { deepEqual, doesNotMatch, equal, match, rejects } from "node:assert/strict";
import { UsageError } from "../../../../src/base/errors.ts";
import type { RunProcess } from "../../../../src/store/s3/credentials/credential_process.ts";
import { credentialsSource } from "../../../../src/store/s3/credentials/s3_credentials.ts";
import { InstantClock } from "../../instant_clock.ts";
import { found, HOUR_MS, Metadata, setting, StandingClock } from "./credentials_setting.ts";

const FILES = { "/home/dba/.aws/credentials": '[program]\ncredential_process = keys --for "backup"\n' };

const utf8 = (text: string) => new TextEncoder().encode(text);

Deno.test("a program prints credentials, which are asked for again before they end", async () => {
  const lines: string[] = [];
  const clock = new StandingClock();
  const runProcess: RunProcess = (line) => {
    lines.push(line);
    const keys = {
      Version: 1,
      AccessKeyId: `printed-${lines.length}`,
      SecretAccessKey: "s",
      SessionToken: "t",
      Expiration: new Date(clock.nowMs + HOUR_MS).toISOString(),
    };
    return Promise.resolve({ code: 0, stdout: utf8(JSON.stringify(keys)), stderr: new Uint8Array() });
  };
  const source = credentialsSource(setting({ env: { AWS_PROFILE: "program" }, files: FILES, runProcess, clock }));
  const expiresMs = clock.nowMs + HOUR_MS;
  deepEqual(await source(), { accessKeyId: "printed-1", secretAccessKey: "s", sessionToken: "t", expiresMs });
  clock.nowMs += HOUR_MS;
  equal((await source())?.accessKeyId, "printed-2");
  deepEqual(lines, ['keys --for "backup"', 'keys --for "backup"']);
});

Deno.test("a program that gives no credentials is told, without what it printed", async () => {
  const ended = (code: number, out: string, err = "") => () =>
    Promise.resolve({ code, stdout: utf8(out), stderr: utf8(err) });
  const never: RunProcess = (_line, signal) =>
    new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const cases: [RunProcess, RegExp, InstantClock?][] = [
    [ended(3, "", "first\nlogin \x1b[1mneeded\n"), /exit code 3, "login \[1mneeded"; run it by hand/],
    [ended(0, "secret{"), /the answer is not JSON/],
    [ended(0, '{"AccessKeyId":"secret"}'), /the answer holds none/],
    [() => Promise.reject(new Error("no shell")), /no shell/],
    [never, /did not end within 60 seconds/, new InstantClock()],
    [() => new Promise(() => {}), /did not end within 60 seconds/, new InstantClock()],
  ];
  for (const [runProcess, message, clock = new StandingClock()] of cases) {
    const metadata = new Metadata();
    const parts = { env: { AWS_PROFILE: "program" }, files: FILES, serve: metadata.serve, runProcess, clock };
    await rejects(found(parts), (thrown) => {
      match(String(thrown), message);
      for (let error = thrown; error instanceof Error; error = error.cause) doesNotMatch(error.message, /secret/);
      return thrown instanceof UsageError;
    });
    deepEqual(metadata.log, []);
  }
});
