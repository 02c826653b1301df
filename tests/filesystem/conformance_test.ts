/** Every way to the file systems, against the contract of them all. */
import { LibcFileSystem } from "../../src/filesystem/libc/libc_file_system.ts";
import { openFileSystem } from "../../src/filesystem/open_file_system.ts";
import { PortableFileSystem } from "../../src/filesystem/portable/portable_file_system.ts";
import { fileSystemConformance } from "../conformance/file_system_suite.ts";

const ALL = { anyBytes: true, nanoseconds: true, attributes: true, specialFiles: true, holes: true };

fileSystemConformance("C library", openFileSystem, ALL);

fileSystemConformance(
  "C library of an old machine",
  () => new LibcFileSystem({ hasOpenat2: false, hasProc: false }),
  ALL,
);

fileSystemConformance("runtime", () => new PortableFileSystem(), {
  anyBytes: false,
  nanoseconds: false,
  attributes: false,
  specialFiles: false,
  holes: false,
});
