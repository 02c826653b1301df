/**
 * Extended attributes. Linux reads those of links by path only, so a path leads there that begins with the folder's
 * descriptor: `/proc/self/fd/N/NAME`. The kernel resolves N to the open folder, and does not follow NAME. Without
 * `/proc`, files and folders are opened, and links have no attributes.
 */
import { Errno, kernelError } from "../kernel_errors.ts";
import { readableBytes } from "../names.ts";
import type { ExtendedAttribute } from "../open_file.ts";
import { foreign, type Libc } from "./libc.ts";

/** Whose attributes: an open descriptor, or a path as above. */
export type AttributeTarget = number | Uint8Array;

/** Whether the target at a path of two parts has no attributes. Most have none, and then nothing needs to be made. */
export function hasNoAttributes(libc: Libc, first: Uint8Array, second: Uint8Array): boolean {
  return libc.calls.llistxattr(libc.joinedText(first, second), libc.listBuffer, libc.listBuffer.length) === 0;
}

/** The attributes of a target, sorted by name; empty if the file system has none. `place`: for messages. */
export function readAttributes(libc: Libc, target: AttributeTarget, place: () => string): readonly ExtendedAttribute[] {
  const length = callList(libc, target);
  if (length === 0) return [];
  if (length < 0) {
    if (libc.errno === Errno.ENOTSUP || libc.errno === Errno.ENOSYS) return [];
    throw libc.failure("list the extended attributes of", place());
  }
  const attributes: ExtendedAttribute[] = [];
  for (const name of namesIn(libc.listBuffer.subarray(0, length)).sort()) {
    const value = readValue(libc, target, name, place);
    if (value !== null) attributes.push({ name, value });
  }
  return attributes;
}

/** The value of an attribute; `null` if it is gone meanwhile. */
function readValue(libc: Libc, target: AttributeTarget, name: string, place: () => string): Uint8Array | null {
  const buffer = libc.valueBuffer;
  const text = libc.secondText(latin1(name));
  const length = typeof target === "number"
    ? libc.calls.fgetxattr(target, text, buffer, buffer.length)
    : libc.calls.lgetxattr(libc.text(target), text, buffer, buffer.length);
  if (length >= 0) return buffer.slice(0, length);
  if (libc.errno === Errno.ENODATA) return null;
  throw libc.failure(`read the extended attribute ${readableBytes(latin1(name))} of`, place());
}

/** Sets an attribute, whether or not it is there. The C library would take a name with a NUL for a shorter one. */
export function writeAttribute(
  libc: Libc,
  target: AttributeTarget,
  { name, value }: ExtendedAttribute,
  place: () => string,
): void {
  const operation = () => `set the extended attribute ${readableBytes(latin1(name))} of`;
  if (name.includes("\0")) throw kernelError(Errno.EINVAL, operation(), place());
  const text = libc.secondText(latin1(name));
  const result = typeof target === "number"
    ? libc.calls.fsetxattr(target, text, foreign(value), value.length, 0)
    : libc.calls.lsetxattr(libc.text(target), text, foreign(value), value.length, 0);
  if (result < 0) throw libc.failure(operation(), place());
}

/** Removes an attribute. */
export function deleteAttribute(libc: Libc, target: AttributeTarget, name: string, place: () => string): void {
  const text = libc.secondText(latin1(name));
  const result = typeof target === "number"
    ? libc.calls.fremovexattr(target, text)
    : libc.calls.lremovexattr(libc.text(target), text);
  if (result < 0) throw libc.failure(`remove the extended attribute ${readableBytes(latin1(name))} of`, place());
}

/** The error of a call for a link's attributes where no `/proc` leads to it. */
export function attributesOutOfReach(place: () => string): Error {
  return kernelError(Errno.ENOTSUP, "reach the extended attributes of", place());
}

function callList(libc: Libc, target: AttributeTarget): number {
  const buffer = libc.listBuffer;
  return typeof target === "number"
    ? libc.calls.flistxattr(target, buffer, buffer.length)
    : libc.calls.llistxattr(libc.text(target), buffer, buffer.length);
}

/** The names in a list, each of which ends with a NUL. */
function namesIn(list: Uint8Array): string[] {
  const names: string[] = [];
  for (let at = 0; at < list.length;) {
    const end = list.indexOf(0, at);
    names.push(String.fromCharCode(...list.subarray(at, end)));
    at = end + 1;
  }
  return names;
}

function latin1(name: string): Uint8Array {
  return Uint8Array.from(name, (character) => character.charCodeAt(0));
}
