/** Entry of every worker thread: answers the calls of the pipeline. */
import { blobCalls } from "./blob_calls.ts";
import type { BlobCalls, DigestCalls } from "./calls.ts";
import { digestCalls } from "./digest_calls.ts";
import { serveCalls } from "./thread.ts";

serveCalls<BlobCalls & DigestCalls>({ ...blobCalls(), ...digestCalls() });
