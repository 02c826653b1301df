/** A file system whose calls fail or do something else when a test says so. */
import { FileSystemError } from "../../../../src/base/errors.ts";
import type { FileSystem, Folder } from "../../../../src/filesystem/file_system.ts";
import type { OpenFile } from "../../../../src/filesystem/open_file.ts";
import { readableBytes } from "../../../../src/filesystem/names.ts";

/** Called before each call with its name and its first argument as text; may throw, or change the directory. */
export type Meddle = (call: string, name: string) => void;

/** The same file system, meddled with. */
export function faulty(files: FileSystem, meddle: Meddle): FileSystem {
  return wrap(files, meddle, "");
}

/** A failure of the kernel. */
export function kernelFailure(errno: string, path: string): FileSystemError {
  return new FileSystemError({ operation: "change", path, errno, reason: errno });
}

const OPENERS = new Set(["openRoot", "openFolder", "openFile", "openFileToRepair", "createFile"]);

/** Meddles with all methods of an object and of what it opens. */
function wrap<T extends FileSystem | Folder | OpenFile>(real: T, meddle: Meddle, own: string): T {
  return new Proxy(real, {
    get(target, key) {
      const value = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        const isNamed = args[0] instanceof Uint8Array && key !== "read" && key !== "write";
        const name = isNamed ? readableBytes(args[0] as Uint8Array) : own;
        if (typeof key === "string") meddle(key, name);
        const unwrapped = args.map((arg) => REAL.get(arg as object) ?? arg);
        const result = value.apply(target, unwrapped);
        if (!OPENERS.has(String(key))) return result;
        const wrapped = wrap(result as Folder, meddle, name);
        REAL.set(wrapped, result as object);
        return wrapped;
      };
    },
  });
}

/** What is behind a wrapped object. */
const REAL = new WeakMap<object, object>();
