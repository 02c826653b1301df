/**
 * Entry of every worker thread: answers the calls of the pipeline, reads and restores files and, in the server, verifies
 * passwords.
 */
import { serveCalls } from "./base/thread.ts";
import { type FilesCalls, filesCalls } from "./engine/files/files_calls.ts";
import { openFileSystem } from "./filesystem/open_file_system.ts";
import { restoreHandlers } from "./ops/restore/files/target/restore_target.ts";
import type { RestoreCalls } from "./ops/restore/files/target_calls.ts";
import { blobCalls } from "./pipeline/blob_calls.ts";
import type { BlobCalls, DigestCalls } from "./pipeline/calls.ts";
import { digestCalls } from "./pipeline/digest_calls.ts";
import { type PasswordCalls, passwordCalls } from "./server/access/password_calls.ts";

serveCalls<BlobCalls & DigestCalls & PasswordCalls & FilesCalls & RestoreCalls>({
  ...blobCalls(),
  ...digestCalls(),
  ...passwordCalls(),
  ...filesCalls(),
  ...restoreHandlers(openFileSystem),
});
