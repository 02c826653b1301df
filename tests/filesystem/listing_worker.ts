/** A thread that lists the folder whose path it is sent, and tells the error of opening what is not there. */
import { FileSystemError } from "../../src/base/errors.ts";
import { openFileSystem } from "../../src/filesystem/open_file_system.ts";
import { bytes } from "../conformance/file_system_suite.ts";

const scope = self as unknown as {
  onmessage: (event: MessageEvent<string>) => void;
  postMessage(answer: unknown): void;
};

scope.onmessage = ({ data: path }) => {
  using files = openFileSystem();
  using folder = files.openRoot(bytes(path));
  const names = [...folder.list()].flat().map(({ name }) => new TextDecoder().decode(name));
  try {
    files.openRoot(bytes(`${path}/none`))[Symbol.dispose]();
  } catch (error) {
    scope.postMessage({ names, errno: error instanceof FileSystemError ? error.errno : String(error) });
  }
};
