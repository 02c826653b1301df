/** What the operating system answers reaches us through Deno, some of it without a code: strace makes it answer. */
import assert from "node:assert/strict";
import { mapConcurrently } from "../../src/base/concurrency.ts";
import { isUnsupported, osCode } from "../../src/store/local/local_errors.ts";
import { programTest } from "../helpers/programs.ts";

/** Every code that decides something. */
const CODES = [
  ...["EINVAL", "ENOTSUP", "ENOSYS", "ENOTTY"],
  ...["ENOSPC", "EDQUOT", "EIO", "EROFS", "EACCES", "EPERM", "EMFILE", "ENFILE", "ENOMEM", "EAGAIN", "EBUSY"],
  ...["ENOLCK", "ESTALE", "ETIMEDOUT", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH"],
  ...[
    "ENOTDIR",
    "EISDIR",
    "EMLINK",
    "EXDEV",
    "ENXIO",
    "ENODEV",
    "EFBIG",
    "ETXTBSY",
    "EUCLEAN",
    "EREMOTEIO",
    "EOVERFLOW",
  ],
];

const UNSUPPORTED = ["EINVAL", "ENOTSUP", "ENOSYS", "ENOTTY"];

/** Flushes its own folder and prints the failure. */
const FLUSH = `
  using folder = await Deno.open(import.meta.dirname, { read: true });
  const { message, code } = await folder.sync().catch((error) => error);
  console.log(JSON.stringify({ message, code }));`;

programTest({
  name: "every answer of the system is known by its name",
  needs: ["strace"],
  async fn({ strace }) {
    const folder = await Deno.makeTempDir({ prefix: "agent-errors-" });
    try {
      await Deno.writeTextFile(`${folder}/flush.js`, FLUSH);
      await mapConcurrently(CODES, 2, async (code) => {
        // Linux has one number for both names, and strace knows one of them.
        const error = await answered(strace, folder, code === "ENOTSUP" ? "EOPNOTSUPP" : code);
        assert.equal(osCode(error), code, error.message);
        assert.equal(isUnsupported(error), UNSUPPORTED.includes(code), code);
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** The error of a flush to which the system answers that. */
async function answered(strace: string, folder: string, code: string): Promise<Error> {
  const inject = ["-f", "-qq", "-o", "/dev/null", "-P", folder, "-e", `inject=fsync:error=${code}`];
  const deno = [Deno.execPath(), "run", "-A", "--no-config", "--quiet", `${folder}/flush.js`];
  const { stdout } = await new Deno.Command(strace, { args: [...inject, ...deno] }).output();
  const { message, ...others } = JSON.parse(new TextDecoder().decode(stdout));
  return Object.assign(new Error(message), others);
}
