/**
 * Entry of every worker thread. Its name says what it is for, and only that is loaded: each thread has a copy of its own
 * of all that it loads.
 */
import { serveCalls, type ThreadPurpose } from "./base/thread.ts";
import type { RestoreCalls } from "./ops/restore/files/target_calls.ts";

const SERVE: Readonly<Record<ThreadPurpose, () => void>> = {
  blobs: () => serveCalls(import("./pipeline/blob_calls.ts").then(({ blobCalls }) => blobCalls())),
  catalogue: () => serveCalls(import("./catalogue/query_calls.ts").then(({ queryCalls }) => queryCalls())),
  digest: () => serveCalls(import("./pipeline/digest_calls.ts").then(({ digestCalls }) => digestCalls())),
  files: () => serveCalls(import("./engine/files/files_calls.ts").then(({ filesCalls }) => filesCalls())),
  mixing: () => serveCalls(import("./crypto/scrypt/mixing_calls.ts").then(({ mixingCalls }) => mixingCalls())),
  passwords: () => serveCalls(import("./server/access/password_calls.ts").then(({ passwordCalls }) => passwordCalls())),
  restore: () => serveCalls<RestoreCalls>(restoreHandlersOfThisMachine()),
};

async function restoreHandlersOfThisMachine() {
  const { restoreHandlers } = await import("./ops/restore/files/target/restore_target.ts");
  const { openFileSystem } = await import("./filesystem/open_file_system.ts");
  return restoreHandlers(openFileSystem);
}

SERVE[self.name as ThreadPurpose]();
