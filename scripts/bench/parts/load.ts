/**
 * Many clients at once on one `agent serve`: whether any call fails, how long calls take, and how much memory the
 * server needs.
 */
import { hash } from "node:crypto";
import { systemClock } from "../../../src/base/clock.ts";
import { openRestStore } from "../../../src/store/rest/rest_store.ts";
import { run } from "../tools/invocation.ts";
import { alignColumns } from "../result/report.ts";
import { peakBytesOf, startBlobServer } from "../tools/server.ts";
import type { Verdict } from "../result/targets.ts";

/** The kinds of store calls that are measured separately. */
const CALL_KINDS = ["config", "list", "put small", "put pack", "get range", "remove"] as const;
export type CallKind = (typeof CALL_KINDS)[number];

/** The measurements of the clients. */
export interface LoadSample {
  /** The duration of each call, in milliseconds. */
  readonly callMs: { [kind in CallKind]?: number[] };
  /** Why calls failed, one line each. */
  readonly errors: string[];
  bytesSent: number;
  bytesReceived: number;
}

/** The parameters of a load. */
interface Load {
  /** The agent's executable. */
  readonly executable: string;
  /** An empty directory for the server. */
  readonly directory: string;
  readonly clients: number;
  readonly seconds: number;
}

/** The result of a load. */
export interface LoadResult extends LoadSample {
  readonly clients: number;
  readonly seconds: number;
  readonly serverPeakBytes: number;
}

/** Number of programs among which the clients are divided, since a single one would be busier than the server. */
const PROGRAMS = 2;

/** Loads a new server. Failed calls are part of the result; throws if a program fails. */
export async function measureLoad({ executable, directory, clients, seconds }: Load): Promise<LoadResult> {
  await using server = await startBlobServer(executable, directory);
  const url = `http://${server.address.hostname}:${server.address.port}/load/`;
  await prepare(url);
  const program = new URL("./load_client.ts", import.meta.url).pathname;
  const samples = await Promise.all(Array.from({ length: PROGRAMS }, async (_, i): Promise<LoadSample> => {
    const own = Math.ceil((clients - i) / PROGRAMS);
    const argv = [Deno.execPath(), "run", "--no-check", "--allow-all", program, url, String(own), String(seconds)];
    return JSON.parse(await run({ argv, env: { HOME: Deno.env.get("HOME") ?? "/tmp" } }));
  }));
  const serverPeakBytes = await peakBytesOf(server.pid);
  return { clients, seconds, serverPeakBytes, ...merge(samples) };
}

/** Makes the repository's place, and the files that every put reads. */
async function prepare(url: string): Promise<void> {
  const store = openRestStore(url, { clock: systemClock, network: {} });
  await store.create();
  await store.put({ kind: "config", name: "config" }, [new Uint8Array(155)]);
  const key = new Uint8Array(460);
  await store.put({ kind: "key", name: hash("sha256", key) }, [key]);
  await store.close();
}

function merge(samples: readonly LoadSample[]): LoadSample {
  return {
    callMs: Object.fromEntries(CALL_KINDS.map((kind) => [kind, samples.flatMap(({ callMs }) => callMs[kind] ?? [])])),
    errors: samples.flatMap(({ errors }) => errors),
    bytesSent: samples.reduce((sum, { bytesSent }) => sum + bytesSent, 0),
    bytesReceived: samples.reduce((sum, { bytesReceived }) => sum + bytesReceived, 0),
  };
}

/**
 * The smallest value that the given share of all values, from 0 to 1, does not exceed. Throws `RangeError` if there are
 * none.
 */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError("No percentile of no values");
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
}

/** The calls by kind, and all together. */
export function formatLoad(result: LoadResult): string {
  const kinds = CALL_KINDS.map((kind) => [kind, result.callMs[kind] ?? []] as const);
  const rows = [...kinds, ["all", kinds.flatMap(([, ms]) => ms)] as const]
    .filter(([, ms]) => ms.length > 0)
    .map(([label, ms]) => [
      label,
      String(ms.length),
      ...[percentile(ms, 0.5), percentile(ms, 0.99), percentile(ms, 1)].map((value) => value.toFixed(1)),
    ]);
  const calls = kinds.reduce((sum, [, ms]) => sum + ms.length, 0);
  const { clients, seconds, bytesSent, bytesReceived, serverPeakBytes, errors } = result;
  const perSecond = (value: number) => (value / seconds).toFixed(0);
  return [
    `${clients} clients, ${seconds} s: ${perSecond(calls)} calls/s, ${perSecond(bytesSent / 1e6)} MB/s up, ` +
    `${perSecond(bytesReceived / 1e6)} MB/s down, server at most ${(serverPeakBytes / 1e6).toFixed(0)} MB`,
    ...errors.slice(0, 5),
    alignColumns([["calls", "count", "p50 ms", "p99 ms", "max ms"], ...rows]),
  ].join("\n");
}

/** The only target: no call fails. */
export function judgeLoad({ clients, errors }: LoadResult): Verdict {
  return {
    target: `${clients} clients at once without an error`,
    measured: `${errors.length} errors`,
    met: errors.length === 0,
  };
}
