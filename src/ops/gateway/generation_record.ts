/**
 * The records of a gateway: small backups in a series of their own. Each begins a generation of keys, and ends the ones
 * before it. The tags repeat what the file says, so that a gateway needs no pack to know which keys are valid.
 */
import * as v from "valibot";
import { IntegrityError } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import type { Backup } from "../../backup/backup.ts";
import type { OpenIndex } from "../../backup/rewritten.ts";
import { decodeBase64, encodeBase64 } from "../../format/json/base64.ts";
import { decodeJson } from "../../format/json/json_text.ts";
import { base64Bytes, count, fields } from "../../format/json/schema.ts";
import { GATEWAY_SERIES } from "../../format/manifest/series.ts";
import { readSmallBackup } from "../values/small_backups.ts";

/** A generation of keys that sign URLs. */
export interface Generation {
  /** From 1. The keys of the highest number are valid, those of all others are not. */
  readonly number: number;
  /** Makes the key differ from those of all other generations: 32 random bytes. It is no secret. */
  readonly nonce: Uint8Array<ArrayBuffer>;
}

/** The engine of the records. */
export const GATEWAY_ENGINE = { name: "gateway", version: "1.0.0", options: {} };
/** The file of a record. */
export const RECORD_FILE_NAME = "generation.json";
/** Length of the nonce of a generation in bytes. */
export const GENERATION_NONCE_BYTES = 32;

const MOST_RECORD_BYTES = 4096;
const NUMBER_TAG = "generation:";
const NONCE_TAG = "nonce:";

const recordSchema = fields({
  generation: v.pipe(count, v.minValue(1, "expected a generation from 1 on")),
  nonce: base64Bytes(GENERATION_NONCE_BYTES),
});

/** The text of a record. */
export function encodeRecord({ number, nonce }: Generation): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${JSON.stringify({ generation: number, nonce: encodeBase64(nonce) })}\n`);
}

/** The tags of a record. */
export function tagsOfRecord({ number, nonce }: Generation): string[] {
  return [`${NUMBER_TAG}${number}`, `${NONCE_TAG}${encodeBase64(nonce)}`];
}

/** Whether a backup is a record. */
export function isRecord({ series }: Backup): boolean {
  return series === GATEWAY_SERIES;
}

/**
 * The generation that a record begins: by its tags or, if somebody changed these, by its file. Throws `IntegrityError` if
 * neither says it: it may have ended all generations that others begin.
 */
export async function generationOf(record: Backup, openIndex: OpenIndex): Promise<Generation> {
  const told = generationInTags(record.snapshot.tags);
  if (told !== null) return told;
  const what = `record ${GATEWAY_SERIES}@${shortId(record.id)} of the gateway`;
  try {
    const { content } = await readSmallBackup(await openIndex(), record, { mostBytes: MOST_RECORD_BYTES });
    const { generation, nonce } = decodeJson(recordSchema, content, what);
    return { number: generation, nonce };
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error;
    throw new IntegrityError(
      `Cannot tell which URLs are valid: ${error.message}; remove the ${what} with "agent rm", then run ` +
        '"agent gateway revoke"',
      { cause: error },
    );
  }
}

function generationInTags(tags: readonly string[]): Generation | null {
  const [number, nonce] = [NUMBER_TAG, NONCE_TAG].map((name) => {
    const told = tags.filter((tag) => tag.startsWith(name));
    return told.length === 1 ? told[0]!.slice(name.length) : "";
  }) as [string, string];
  const bytes = decodeBase64(nonce);
  if (!/^[1-9]\d{0,14}$/.test(number) || bytes?.length !== GENERATION_NONCE_BYTES) return null;
  return { number: Number(number), nonce: bytes };
}
