/** Paths in the form that the lint rules use: relative to the project's root, with forward slashes. */
import { relative, resolve } from "node:path";

/** The project's root, absolute. */
export const ROOT = resolve(import.meta.dirname!, "../..");

/** `file`, absolute or relative to the project's root, as a path relative to that root (`../…` if it is outside). */
export function projectPath(file: string): string {
  return relative(ROOT, resolve(ROOT, file)).replaceAll("\\", "/");
}
