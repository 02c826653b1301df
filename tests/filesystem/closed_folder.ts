/** A program for a process that modes bind: says what it can do in the folder it is given, which only lets it pass. */
import { FileSystemError } from "../../src/base/errors.ts";
import { HERE } from "../../src/filesystem/names.ts";
import { openFileSystem } from "../../src/filesystem/open_file_system.ts";
import { bytes, namesIn } from "../conformance/file_system_suite.ts";

using files = openFileSystem();
using folder = files.openRoot(bytes(Deno.args[0]!));
using inner = folder.openFolder(bytes("inner"));
let list = "listed";
try {
  namesIn(folder);
} catch (error) {
  list = error instanceof FileSystemError ? error.errno : String(error);
}
folder.setMode(HERE, 0o500);
const said = JSON.stringify({
  list,
  inner: namesIn(inner),
  inside: folder.status(bytes("inner"))?.type,
  mode: folder.status(HERE)?.mode,
});
Deno.stdout.writeSync(bytes(said));
