/**
 * What a server counts, in the text format of Prometheus (version 0.0.4). Names that begin with `rest_server_` are
 * those of rest-server, so that its dashboards keep working.
 */
import type { UsageRow } from "./files/usage.ts";
import { urlNameOfKind } from "./routes.ts";
import type { FileKind } from "../store/store.ts";

/** One action on one file of a repository. */
export interface BlobEvent {
  readonly action: "read" | "write" | "delete";
  readonly user: string;
  readonly repository: string;
  readonly kind: FileKind;
  readonly bytes: number;
}

/** What is measured when the metrics are read. */
interface Gauges {
  readonly usage: Iterable<UsageRow>;
  readonly requestsInFlight: number;
  readonly connections: number;
  readonly idleConnections: number;
  /** Stored bytes plus those received by uploads under way. */
  readonly takenBytes: number;
  /** Infinity if there is no limit. */
  readonly limitBytes: number;
  readonly logLinesDropped: number;
}

/** How many combinations of user and repository get their own counters; all later ones share one. */
const MOST_LABEL_SETS = 10_000;
const KNOWN_METHODS = new Set(["GET", "HEAD", "POST", "DELETE"]);

/** The counters of a server since it started. */
export class Metrics {
  readonly #blobs = new Map<string, { count: number; bytes: number }>();
  readonly #requests = new Map<string, number>();
  #bytesReceived = 0;
  #bytesSent = 0;
  #errors = 0;

  /** Counts a request that was answered or broken off (status 499). */
  countRequest(method: string, status: number, bytesReceived: number, bytesSent: number): void {
    const labels = labelText({ method: KNOWN_METHODS.has(method) ? method : "other", status: String(status) });
    this.#requests.set(labels, (this.#requests.get(labels) ?? 0) + 1);
    this.#bytesReceived += bytesReceived;
    this.#bytesSent += bytesSent;
  }

  /** Counts a failure that is not the client's fault. */
  countError(): void {
    this.#errors++;
  }

  /** Counts a file that was read, written or removed. */
  countBlob({ action, user, repository, kind, bytes }: BlobEvent): void {
    const type = urlNameOfKind(kind);
    let key = `${action} ${labelText({ user, repo: repository, type })}`;
    if (this.#blobs.size >= MOST_LABEL_SETS && !this.#blobs.has(key)) {
      key = `${action} ${labelText({ user: "other", repo: "other", type })}`;
    }
    const counted = this.#blobs.get(key) ?? { count: 0, bytes: 0 };
    this.#blobs.set(key, { count: counted.count + 1, bytes: counted.bytes + bytes });
  }

  /** All counters and `gauges` as text. */
  format(gauges: Gauges): string {
    return [
      ...this.#formatBlobs(),
      ...family("agent_http_requests_total", "counter", "Requests answered.", [...this.#requests]),
      ...single("agent_http_received_bytes_total", "counter", "Bytes of request bodies.", this.#bytesReceived),
      ...single("agent_http_sent_bytes_total", "counter", "Bytes of answer bodies.", this.#bytesSent),
      ...single("agent_errors_total", "counter", "Failures of the server.", this.#errors),
      ...formatGauges(gauges),
    ].join("\n") + "\n";
  }

  *#formatBlobs(): Generator<string> {
    for (const [action, done] of [["write", "stored"], ["read", "read"], ["delete", "removed"]] as const) {
      const rows = [...this.#blobs].filter(([key]) => key.startsWith(`${action} `));
      const labelled = rows.map(([key, counted]) => [key.slice(action.length + 1), counted] as const);
      const count = labelled.map(([labels, counted]) => [labels, counted.count] as const);
      const bytes = labelled.map(([labels, counted]) => [labels, counted.bytes] as const);
      yield* family(`rest_server_blob_${action}_total`, "counter", `Files ${done}.`, count);
      yield* family(`rest_server_blob_${action}_bytes_total`, "counter", `Bytes of files ${done}.`, bytes);
    }
  }
}

function* formatGauges(gauges: Gauges): Generator<string> {
  const rows = [...gauges.usage].map(({ repository, kind, files, bytes }) => ({
    labels: labelText({ repo: repository, type: urlNameOfKind(kind) }),
    files,
    bytes,
  }));
  const files = rows.map(({ labels, files }) => [labels, files] as const);
  const bytes = rows.map(({ labels, bytes }) => [labels, bytes] as const);
  yield* family("agent_repository_files", "gauge", "Files in a repository.", files);
  yield* family("agent_repository_bytes", "gauge", "Bytes of files in a repository.", bytes);
  yield* single("agent_stored_bytes", "gauge", "Bytes stored, and received by uploads under way.", gauges.takenBytes);
  if (Number.isFinite(gauges.limitBytes)) {
    yield* single("agent_limit_bytes", "gauge", "Bytes that may be stored.", gauges.limitBytes);
  }
  yield* single("agent_requests_in_flight", "gauge", "Requests being answered.", gauges.requestsInFlight);
  yield* single("agent_connections", "gauge", "Open connections.", gauges.connections);
  yield* single("agent_idle_connections", "gauge", "Open connections without a request.", gauges.idleConnections);
  const dropped = gauges.logLinesDropped;
  yield* single("agent_log_lines_dropped_total", "counter", "Lines the access log could not take.", dropped);
}

function single(name: string, type: string, help: string, value: number): Iterable<string> {
  return family(name, type, help, [["", value]]);
}

function* family(
  name: string,
  type: string,
  help: string,
  rows: readonly (readonly [labels: string, value: number])[],
): Generator<string> {
  yield `# HELP ${name} ${help}`;
  yield `# TYPE ${name} ${type}`;
  for (const [labels, value] of rows) yield `${name}${labels} ${value}`;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const texts = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return `{${texts.join(",")}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
