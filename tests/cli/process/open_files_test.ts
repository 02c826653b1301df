/** What the program says of too few open files where no shell header has looked. */
import assert from "node:assert/strict";
import { AgentError } from "../../../src/base/errors.ts";
import { assertOpenFiles, LEAST_OPEN_FILES } from "../../../src/cli/process/open_files.ts";

const limits = (soft: string) =>
  `Limit                     Soft Limit           Hard Limit           Units
Max processes             100                  100                  processes
Max open files            ${soft.padEnd(20)} 1048576              files
`;

Deno.test("too few open files are told with the limit there is and the one that is needed", () => {
  for (const few of ["24", "64", `${LEAST_OPEN_FILES - 1}`]) {
    assert.throws(() => assertOpenFiles(limits(few)), (error) => {
      return error instanceof AgentError && error.message.includes(`${few} files`) && /256 or more/.test(error.message);
    });
  }
});

Deno.test("enough open files, no limit, and a system that tells none are fine", () => {
  for (const text of [limits("256"), limits("1024"), limits("unlimited"), ""]) assertOpenFiles(text);
});
