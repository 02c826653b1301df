/** The words for what a guard found. */
import { strict as assert } from "node:assert";
import { describeWholeness } from "../../../src/cli/report/wholeness.ts";

Deno.test("wholeness: of a container that stays closed it is told that its content was not judged", () => {
  for (
    const [format, complete, words] of [
      ["mysqldump", true, "whole"],
      ["gzip+pg_dump", true, "whole"],
      ["xz", true, "whole, content not judged"],
      ["gzip", true, "whole, content not judged"],
      ["zstd+bzip2", true, "whole, content not judged"],
      ["xz", false, "not whole"],
      ["none", null, "not judged"],
    ] as const
  ) assert.equal(describeWholeness(format, complete), words, format);
});
