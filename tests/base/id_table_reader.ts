/** The inside of a worker for id_table_test.ts: looks ids up at random while the other thread adds them. */
import { IdTableReader, type IdTableView } from "../../src/base/id_table.ts";

/** What the worker found. */
export interface ReaderReport {
  readonly lookups: number;
  /** Lookups that gave another entry than the id's own. */
  readonly wrong: number;
  /** Ids that were not found with the last view. */
  readonly missing: number;
}

interface Message {
  readonly ids?: SharedArrayBuffer;
  readonly view?: IdTableView;
  readonly done?: boolean;
}

const scope = self as unknown as {
  onmessage: (event: MessageEvent<Message>) => void;
  postMessage(message: unknown): void;
};

let ids = new Uint8Array(0) as Uint8Array;
let reader: IdTableReader | undefined;
let lookups = 0;
let wrong = 0;
let at = 0;

scope.onmessage = ({ data }) => {
  if (data.view) reader = new IdTableReader(data.view);
  if (data.ids) {
    ids = new Uint8Array(data.ids);
    scope.postMessage("ready");
  }
  if (data.done) scope.postMessage({ lookups, wrong, missing: countMissing() } satisfies ReaderReport);
  else lookUpSome();
};

function lookUpSome(): void {
  const count = ids.length / 32;
  for (let i = 0; i < 50_000; i++) {
    at = (at + 7919) % count;
    const found = reader!.find(ids, at * 32);
    lookups++;
    if (found !== -1 && found !== at) wrong++;
  }
}

function countMissing(): number {
  let missing = 0;
  for (let i = 0; i < ids.length / 32; i++, lookups++) {
    if (reader!.find(ids, i * 32) !== i) missing++;
  }
  return missing;
}
