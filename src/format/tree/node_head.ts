/**
 * The head of a node: its text up to its content, which holds all of its properties and its size. Two entries of one
 * name are the same in all that exactly if their heads are the same bytes, so that neither needs to be decoded; and a
 * walk makes heads in its own thread.
 */
import { bytesOfByteString, compareByteStrings } from "../byte_string.ts";
import { encodeBase64 } from "../json/base64.ts";
import { goJson, quoteName } from "../json/go_json.ts";
import type { EntryProperties, ExtendedAttribute, NodeType } from "./node.ts";

/** A head, and what of it is needed most. */
export interface NodeHead {
  /** The type of the node. */
  readonly type: NodeType;
  /** Its size in bytes. */
  readonly size: number;
  /** The text in UTF-8, from the opening brace up to the comma before the content. */
  readonly text: Uint8Array;
}

const encoder = new TextEncoder();

/** What follows a head: the name of the content, whose value comes next. */
export const CONTENT_KEY: Uint8Array = encoder.encode(',"content":');

/** The head of a node of this name and size. What went wrong when an entry was read is no part of it. */
export function nodeHead(name: string, properties: EntryProperties, size = 0): NodeHead {
  return { type: properties.type, size, text: encoder.encode(headText(name, properties, size)) };
}

/** The text of the head of a node. */
export function headText(name: string, node: Omit<EntryProperties, "error">, size: number): string {
  let text = `{"name":${goJson(quoteName(name))},"type":"${node.type}"`;
  if (node.mode !== 0) text += `,"mode":${node.mode}`;
  text +=
    `,"mtime":"${node.mtime}","atime":"${node.atime}","ctime":"${node.ctime}","uid":${node.uid},"gid":${node.gid}`;
  if (node.user !== "") text += `,"user":${goJson(node.user)}`;
  if (node.group !== "") text += `,"group":${goJson(node.group)}`;
  if (node.inode !== 0n) text += `,"inode":${node.inode}`;
  if (node.deviceId !== 0n) text += `,"device_id":${node.deviceId}`;
  if (size !== 0) text += `,"size":${size}`;
  if (node.links !== 0) text += `,"links":${node.links}`;
  if (node.linkTarget !== "") text += linkTargetText(node.linkTarget);
  if (node.extendedAttributes.length > 0) text += extendedAttributesText(node.extendedAttributes);
  if (node.genericAttributes.size > 0) text += genericAttributesText(node.genericAttributes);
  return node.device === 0n ? text : `${text},"device":${node.device}`;
}

/** A target that is not UTF-8 is stored twice: readable, and exactly. */
function linkTargetText(target: string): string {
  const text = `,"linktarget":${goJson(target)}`;
  return target.isWellFormed() ? text : `${text},"linktarget_raw":"${encodeBase64(bytesOfByteString(target))}"`;
}

function extendedAttributesText(attributes: readonly ExtendedAttribute[]): string {
  const values = attributes.map(({ name, value }) => ({ name, value: value === null ? null : encodeBase64(value) }));
  return `,"extended_attributes":${goJson(values)}`;
}

/** Go writes maps sorted by key. */
function genericAttributesText(attributes: ReadonlyMap<string, string>): string {
  const names = [...attributes.keys()].sort(compareByteStrings);
  const members = names.map((name) => `${goJson(name)}:${attributes.get(name)}`);
  return `,"generic_attributes":{${members.join(",")}}`;
}
