/** Looking at PATHs on this machine's disk, byte for byte. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { join } from "node:path";
import { localFiles } from "../../../src/cli/process/local_files.ts";
import { expandPattern } from "../../../src/engine/files/roots/path_glob.ts";
import { FileSystemLook } from "../../../src/engine/files/roots/path_look.ts";
import { pseudoFileSystems } from "../../../src/engine/files/roots/pseudo_file_systems.ts";
import { openFileSystem } from "../../../src/filesystem/open_file_system.ts";
import { programTest } from "../../helpers/programs.ts";

const files = localFiles();

programTest({
  name: "PATHs of any bytes are found, links are not followed, and what is not there is absent",
  needs: ["bash"],
  async fn({ bash }) {
    const directory = await Deno.makeTempDir();
    try {
      const script = "mkdir d; printf abc >d/$'\\xff'; ln -s d link; ln -s $'\\xfe' odd; mkfifo fifo";
      await new Deno.Command(bash, { args: ["-c", script], cwd: directory }).output();
      using system = openFileSystem();
      const look = new FileSystemLook(system);
      const typeAt = (path: string) => {
        const found = look.at(join(directory, path));
        return found.kind === "there" ? found.type : found.kind;
      };
      deepEqual(["d", "link", "fifo", "d/\udcff", "none", "d/\udcff/x", "."].map(typeAt), [
        ...["folder", "link", "fifo", "file", "absent", "absent", "folder"],
      ]);
      equal(look.at("/").kind, "there");
      const file = look.at(join(directory, "link/\udcff"));
      ok(file.kind === "there" && file.sizeBytes === 3 && file.file.inode > 0n);
      equal(look.linkTarget(join(directory, "odd")), "\udcfe");
      equal(look.linkTarget(join(directory, "d")), null);
      deepEqual(look.namesIn(join(directory, "link")), ["\udcff"]);
      deepEqual(expandPattern("*/*", directory, look), ["d/\udcff", "link/\udcff"]);
      deepEqual(expandPattern("d/?", directory, look), ["d/\udcff"]);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});

Deno.test("the working directory is that of the process", () => {
  equal(files.directory, Deno.cwd());
});

Deno.test({
  name: "this machine's /proc is a pseudo file system",
  ignore: files.mountInfo() === undefined,
  fn() {
    ok(pseudoFileSystems(files.mountInfo()).some(({ path, type }) => path === "proc" && type === "proc"));
  },
});
