/** The inside of a worker for thread_test.ts. */
import { AgentError, BugError, FileSystemError, IntegrityError, SourceError } from "../../src/base/errors.ts";
import { serveCalls } from "../../src/base/thread.ts";

/** What thread_test.ts asks. */
export type TestCalls = {
  echo: { request: { bytes: Uint8Array<ArrayBuffer>; turns: number }; response: Uint8Array<ArrayBuffer> };
  fail: { request: "integrity" | "source" | "file-system" | "bug" | "foreign" | "unclonable"; response: unknown };
  crash: { request: null; response: null };
  never: { request: null; response: null };
};

serveCalls<TestCalls>({
  async echo({ bytes, turns }) {
    for (let i = 0; i < turns; i++) await new Promise((resolve) => setTimeout(resolve, 0));
    return { response: bytes, transfer: [bytes.buffer] };
  },
  fail(kind) {
    switch (kind) {
      case "integrity":
        throw new IntegrityError("damaged blob 1234");
      case "source":
        return Promise.reject(new SourceError("half a dump"));
      case "file-system": {
        const reason = "there is no such file or folder";
        throw new FileSystemError({ operation: "open", path: "/a", errno: "ENOENT", reason });
      }
      case "bug":
        throw new BugError("cannot be");
      case "foreign":
        throw new RangeError("out of range");
      case "unclonable":
        return { response: () => AgentError };
    }
  },
  crash() {
    setTimeout(() => {
      throw new RangeError("crashed");
    }, 0);
    return new Promise(() => {});
  },
  never: () => new Promise(() => {}),
});
