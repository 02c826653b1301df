/** Entries of backups, as `files`, `find` and `diff` give them in `--json` output. */
import * as v from "valibot";
import type { EntryDifference } from "../../../../backup/trees/compare_views.ts";
import type { FoundVersion } from "../../../../backup/trees/find_entries.ts";
import type { ViewedEntry } from "../../../../backup/trees/walk_view.ts";
import { ID_BYTES } from "../../../../base/id.ts";
import { bytesOfByteString } from "../../../../format/byte_string.ts";
import { encodeBase64 } from "../../../../format/json/base64.ts";
import { unixPermissions } from "../../../../format/tree/file_mode.ts";
import { type Node, NODE_TYPES } from "../../../../format/tree/node.ts";
import type { DiffResult } from "../../../../ops/stats/diff.ts";
import type { EntrySums, TreeSums } from "../../../../ops/stats/tree_summer.ts";
import { modeText } from "../../files/mode_text.ts";
import {
  always,
  bytes,
  count,
  hex,
  list,
  numbersByName,
  object,
  oneOf,
  orAbsent,
  orNull,
  text,
  time,
} from "../json_fields.ts";

const WELL_FORMED = "the path is UTF-8";

const pathFields = {
  path: text("Its absolute path in the source, with U+FFFD for each byte that is not UTF-8."),
  pathBytes: orAbsent(text("The exact path, in base64."), WELL_FORMED),
};

const entryFields = {
  ...pathFields,
  type: oneOf(NODE_TYPES, "What it is."),
  mode: count("Its permissions with setuid, setgid and sticky: the low 12 bits of `st_mode`."),
  permissions: text("Type and permissions as `ls -l` shows them."),
  size: bytes("Size of a file, otherwise 0."),
  mtime: time("When its content last changed."),
  atime: time("When it was last read; `mtime` if that was not recorded."),
  ctime: time("When it last changed at all."),
  uid: count("The number of its owner."),
  gid: count("The number of its group."),
  user: text("The name of its owner, or an empty text."),
  group: text("The name of its group, or an empty text."),
  inode: text("The number of its inode, in digits."),
  deviceId: text("The number of its file system, in digits; 0 for all but files with several links."),
  links: count("How many hard links it has."),
  linkTarget: orAbsent(text("The target of a symbolic link."), "it is none"),
  linkTargetBytes: orAbsent(text("The exact target, in base64."), "the target is UTF-8"),
  device: orAbsent(text("The number of a device (`st_rdev`), in digits."), "it is none"),
  extendedAttributes: list(
    object({
      name: text("The name with its namespace."),
      value: orNull(text("The value, in base64."), "it has none"),
    }, "An attribute."),
    "Its extended attributes; ACLs are among them.",
  ),
};

/** An entry of a backup. */
export const entryMessage = v.strictObject({
  ...entryFields,
  chunks: orAbsent(count("Into how many chunks the file was cut."), "it is no file, or a stream in parts"),
  tree: orAbsent(hex("The id of the directory's tree."), "it is no directory"),
  error: orAbsent(text("What went wrong when it was read."), "nothing did"),
});

/** Its JSON object. */
export function entryJson({ path, node }: ViewedEntry): v.InferOutput<typeof entryMessage> {
  return {
    ...propertiesJson(path, node),
    ...node.content !== null && { chunks: node.content.length / ID_BYTES },
    ...node.subtree !== null && { tree: node.subtree },
    ...node.error !== "" && { error: node.error },
  };
}

/** The fields of a path, a byte string (`byte_string.ts`): readable, and exactly if it is not UTF-8. */
export function pathJson(path: string): { readonly path: string; readonly pathBytes?: string } {
  if (path.isWellFormed()) return { path };
  return { path: path.toWellFormed(), pathBytes: encodeBase64(bytesOfByteString(path)) };
}

function propertiesJson(path: string, node: Node) {
  const { type, size, mtime, atime, ctime, uid, gid, user, group, links, linkTarget } = node;
  return {
    ...pathJson(path),
    type,
    mode: unixPermissions(node.mode),
    permissions: modeText(node),
    size,
    mtime,
    atime,
    ctime,
    uid,
    gid,
    user,
    group,
    inode: String(node.inode),
    deviceId: String(node.deviceId),
    links,
    ...type === "symlink" && { linkTarget: linkTarget.toWellFormed() },
    ...type === "symlink" && !linkTarget.isWellFormed() &&
      { linkTargetBytes: encodeBase64(bytesOfByteString(linkTarget)) },
    ...(type === "dev" || type === "chardev") && { device: String(node.device) },
    extendedAttributes: node.extendedAttributes.map(({ name, value }) => ({
      name: name.toWellFormed(),
      value: value === null ? null : encodeBase64(value),
    })),
  };
}

/** A version of an entry that was found. */
export const foundMessage = v.strictObject({
  ...entryFields,
  series: text("The series of the backups."),
  host: text("Their host."),
  first: hex("The oldest backup that has this version."),
  firstStarted: time("When that backup began."),
  last: hex("The newest backup that has it."),
  lastStarted: time("When that backup began."),
  backups: count("How many of the searched backups have it."),
});

/** Its JSON object. */
export function foundJson({ path, node, first, last, backups }: FoundVersion): v.InferOutput<typeof foundMessage> {
  return {
    ...propertiesJson(path, node),
    series: first.series,
    host: first.host,
    first: first.id,
    firstStarted: first.started,
    last: last.id,
    lastStarted: last.started,
    backups,
  };
}

/** An entry that differs between two trees. */
export const changeMessage = v.strictObject({
  message_type: always("change", "The kind of message."),
  ...pathFields,
  modifier: oneOf(
    ["+", "-", "T", "M", "U"],
    "Only in B, only in A, another type, other content, only other metadata.",
  ),
  typeA: orNull(oneOf(NODE_TYPES, "What it is in A."), "A does not have it"),
  typeB: orNull(oneOf(NODE_TYPES, "What it is in B."), "B does not have it"),
  sizeA: orNull(bytes("Size in A."), "it is no file in A"),
  sizeB: orNull(bytes("Size in B."), "it is no file in B"),
});

/** Its JSON object. */
export function changeJson({ path, modifier, a, b }: EntryDifference): v.InferOutput<typeof changeMessage> {
  const sizeOf = (node: Node | null) => node?.type === "file" ? node.size : null;
  return {
    message_type: "change",
    ...pathJson(path),
    modifier,
    typeA: a?.type ?? null,
    typeB: b?.type ?? null,
    sizeA: sizeOf(a),
    sizeB: sizeOf(b),
  };
}

const SUMMED = "`files`, `directories`, `others`, and the `bytes` of the files";

/** Two backups, and the sums of the entries that differ. */
export const treeSummaryMessage = v.strictObject({
  message_type: always("statistics", "The kind of message."),
  a: hex("The backup A."),
  b: hex("The backup B."),
  added: numbersByName(`What only B has: ${SUMMED}.`),
  removed: numbersByName("What only A has, in the same numbers."),
  changedA: numbersByName("What has other content, as it is in A."),
  changedB: numbersByName("The same, as it is in B."),
  metadata: count("Entries of which only the metadata differ; 0 without `--metadata`."),
});

/** Its JSON object. */
export function treeSummaryJson({ a, b }: DiffResult, sums: TreeSums): v.InferOutput<typeof treeSummaryMessage> {
  const numbers = ({ files, directories, others, bytes }: EntrySums) => ({ files, directories, others, bytes });
  return {
    message_type: "statistics",
    a: a.id,
    b: b.id,
    added: numbers(sums.added),
    removed: numbers(sums.removed),
    changedA: numbers(sums.changedA),
    changedB: numbers(sums.changedB),
    metadata: sums.metadata,
  };
}
