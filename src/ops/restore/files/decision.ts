/**
 * The plan of a restore: what is to be done for one entry, and why. Pure decisions from what the backup holds and what
 * lies in the target.
 */
import { type NodeType, TYPE_NAMES } from "../../../format/tree/node.ts";
import { shownPath } from "./entry.ts";

/** What to do with entries that exist. */
export const IF_EXISTS = ["always", "if-changed", "if-newer", "never"] as const;
/** One of them. */
export type IfExists = (typeof IF_EXISTS)[number];

/** What is done for an entry. */
export type Action = "create" | "update" | "keep" | "replace" | "link" | "skip" | "delete";

/** What is done for an entry, and why. */
export interface Decision {
  /** What is done. */
  readonly action: Action;
  /** Why, as the rest of a sentence that begins with the path. */
  readonly reason: string;
  /** Whether owner, mode, times and attributes are set. */
  readonly metadata: boolean;
}

/** What the backup holds of an entry. */
export interface WantedEntry {
  readonly type: NodeType;
  /** Bytes of a file. */
  readonly size: number;
  readonly mtimeNs: bigint;
  /** How many names the file had. */
  readonly links: number;
  /** The path of the first name of this file that is restored; null if this is the first. */
  readonly linkTo: string | null;
  /** Whether it is only on the way to what was asked for. */
  readonly isParent: boolean;
}

/** What lies at the place of an entry. */
export interface FoundEntry {
  /** As the types of nodes. */
  readonly type: NodeType;
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly links: number;
  /** Whether it is a name of the file that `linkTo` means, and that file stays the one that it is. */
  readonly isLinked: boolean;
  /** Whether a link leads where it should, or a device has the right number; true for all other types. */
  readonly isSame: boolean;
  /** Whether owner, mode, times or attributes differ from those of the backup. */
  readonly metadataDiffers: boolean;
}

/** A decision that depends on the content of the file that is there. */
export const COMPARE = "compare";

/** One object for all entries: a thread that tells many of them sends it once. */
const CREATE: Decision = { action: "create", reason: "is not there", metadata: true };

/** The decision for an entry; `COMPARE` if `planContent` decides. */
export function planEntry(
  wanted: WantedEntry,
  found: FoundEntry | null,
  ifExists: IfExists,
): Decision | typeof COMPARE {
  if (found === null) {
    return wanted.linkTo === null ? CREATE : decide("link", linked(wanted.linkTo), false);
  }
  const isFolder = wanted.type === "dir" && found.type === "dir";
  if (isFolder && wanted.isParent) return decide("keep", "is there, on the way to what is restored", false);
  const skipped = reasonToSkip(wanted, found, ifExists);
  if (skipped !== null) return decide(isFolder ? "keep" : "skip", skipped, false);
  if (wanted.linkTo !== null) {
    return found.isLinked
      ? decide("keep", `is linked to ${shownPath(wanted.linkTo)}`, false)
      : decide("link", linked(wanted.linkTo), false);
  }
  if (found.type !== wanted.type) {
    return decide("replace", `is ${TYPE_NAMES[wanted.type]}; ${TYPE_NAMES[found.type]} is there`, true);
  }
  if (wanted.type !== "file") return planSpecial(wanted, found);
  // Writing to a file with other names would change these, too.
  if (found.links > Math.max(1, wanted.links)) return decide("replace", "has other names, which are left alone", true);
  if (ifExists === "if-changed" && found.size === wanted.size && found.mtimeNs === wanted.mtimeNs) {
    return keptAlone(found, "has the same size and time");
  }
  return COMPARE;
}

/** The decision for a regular file in whose place a regular file is, of which `differing` of `chunks` chunks differ. */
export function planContent(
  wanted: Pick<WantedEntry, "size">,
  found: Pick<FoundEntry, "size" | "links" | "metadataDiffers">,
  { differing, chunks }: { readonly differing: number; readonly chunks: number },
): Decision {
  if (differing === 0 && found.size === wanted.size) return keptAlone(found, "has the same content");
  if (found.links > 1) return decide("replace", "differs and has other names, which are left alone", true);
  if (differing > 0) return decide("update", `differs in ${differing} of ${chunks} chunks`, true);
  return decide("update", `has ${found.size} bytes instead of ${wanted.size}`, true);
}

function planSpecial(wanted: WantedEntry, found: FoundEntry): Decision {
  if (wanted.type === "dir") return kept(found, "is there");
  if (found.isSame) return keptAlone(found, "is there");
  return decide("replace", wanted.type === "symlink" ? "leads elsewhere" : "is another device", true);
}

function kept({ metadataDiffers }: Pick<FoundEntry, "metadataDiffers">, reason: string): Decision {
  if (metadataDiffers) return decide("update", `${reason}; its metadata differ`, true);
  return decide("keep", reason, false);
}

/** The same for what may have other names: setting its metadata would change these, too. */
function keptAlone(found: Pick<FoundEntry, "links" | "metadataDiffers">, reason: string): Decision {
  if (!found.metadataDiffers || found.links <= 1) return kept(found, reason);
  return decide("replace", `${reason}; its metadata differ, and it has other names, which are left alone`, true);
}

function reasonToSkip(wanted: WantedEntry, found: FoundEntry, ifExists: IfExists): string | null {
  if (ifExists === "never") return "is there";
  if (ifExists === "if-newer" && found.mtimeNs >= wanted.mtimeNs) {
    return found.mtimeNs === wanted.mtimeNs ? "is as new there" : "is newer there";
  }
  return null;
}

function decide(action: Action, reason: string, metadata: boolean): Decision {
  return { action, reason, metadata };
}

function linked(path: string): string {
  return `is another name of ${shownPath(path)}`;
}
