/** An error number that says "try again" is not taken for an answer, and one that stays comes back. */
import assert from "node:assert/strict";
import { Errno } from "../../src/filesystem/kernel_errors.ts";
import { MACHINES } from "../../src/filesystem/libc/constants.ts";
import type { Libc } from "../../src/filesystem/libc/libc.ts";
import { Opener } from "../../src/filesystem/libc/opening.ts";
import { bytes } from "../conformance/file_system_suite.ts";

/** A C library in which one call after the other fails with the given error numbers, and the next one succeeds. */
function failingLibc(errnos: readonly number[]) {
  const left = [...errnos];
  const libc = {
    errno: 0,
    machine: MACHINES[Deno.build.arch],
    text: (name: Uint8Array) => name,
    calls: {
      openat() {
        const errno = left.shift();
        if (errno === undefined) return 7;
        libc.errno = errno;
        return -1;
      },
    },
  };
  return { libc, opener: new Opener(libc as unknown as Libc), left };
}

Deno.test("a name is opened again while the error number says so", () => {
  const { opener, left } = failingLibc([Errno.EAGAIN, Errno.EINTR, Errno.EAGAIN]);
  assert.equal(opener.openName(3, bytes("a"), 0), 7);
  assert.deepEqual(left, []);
});

Deno.test("a name that never opens fails with the last error number, and any other one at once", () => {
  const { libc, opener } = failingLibc(Array(100).fill(Errno.EAGAIN));
  assert.equal(opener.openName(3, bytes("a"), 0), -1);
  assert.equal(libc.errno, Errno.EAGAIN);
  const missing = failingLibc([Errno.ENOENT, Errno.EAGAIN]);
  assert.equal(missing.opener.openName(3, bytes("a"), 0), -1);
  assert.deepEqual([missing.libc.errno, missing.left], [Errno.ENOENT, [Errno.EAGAIN]]);
});
