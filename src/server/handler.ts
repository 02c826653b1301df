/** Answers requests: finds the route, checks the permission, and works on the files of a repository. */
import { messageOf, NotFoundError, StoreFullError, TemporaryError } from "../base/errors.ts";
import type { FileKind, FileName, ListedFile } from "../store/store.ts";
import { answerOrRefuse } from "./connection/answering.ts";
import { requestedPart } from "./connection/byte_ranges.ts";
import type { Exchange } from "./connection/exchange.ts";
import type { BlobEvent, Metrics } from "./metrics.ts";
import { checkPermission, type Rules } from "./access/permissions.ts";
import { FILE_HEADERS, PartSender } from "./part_sender.ts";
import { Refusal } from "./refusal.ts";
import type { RepositoryFiles } from "./files/repository_files.ts";
import { parseRoute, type RepositoryTarget, type Target } from "./routes.ts";

/** What a handler needs. */
interface HandlerOptions {
  readonly files: RepositoryFiles;
  readonly metrics: Metrics;
  readonly rules: Rules;
  /** Whether anybody may read the metrics. */
  readonly openMetrics: boolean;
  /**
   * The user who sends a request; empty if users are not identified. Throws `Refusal` if a user is required and there
   * is none.
   */
  readonly userOf: (exchange: Exchange) => Promise<string>;
  /** The text of the current metrics. */
  readonly formatMetrics: () => string;
  /** Called for failures that are not the client's fault. */
  readonly onProblem: (message: string) => void;
}

const LIST_PIECE_CHARACTERS = 2 ** 16;

const LIST_TYPE_V1 = "application/vnd.x.restic.rest.v1";
const LIST_TYPE_V2 = "application/vnd.x.restic.rest.v2";

/** Answers the requests of a whole server. */
export class Handler {
  readonly #options: HandlerOptions;
  readonly #sender = new PartSender();

  constructor(options: HandlerOptions) {
    this.#options = options;
  }

  /** Answers one request, whatever happens. Never throws. */
  handle(exchange: Exchange): Promise<void> {
    return answerOrRefuse(exchange, {
      answer: (exchange) => this.#answer(exchange),
      refusalOf: (exchange, thrown) => this.#refusalOf(exchange, thrown),
      onFailure: (exchange, thrown) => this.#reportFailure(exchange, thrown),
    });
  }

  async #answer(exchange: Exchange): Promise<void> {
    const target = parseRoute(exchange.method, exchange.url);
    if (target.at === "health") return await exchange.send(200, { "content-type": "text/plain" }, "ok\n");
    const { userOf, rules, openMetrics, formatMetrics } = this.#options;
    if (target.at === "metrics" && openMetrics) return await sendMetrics(exchange, formatMetrics());
    exchange.user = await userOf(exchange);
    checkPermission(exchange.method, target, exchange.user, rules);
    if (target.at === "metrics") return await sendMetrics(exchange, formatMetrics());
    await this.#answerRepository(exchange, target);
  }

  async #answerRepository(exchange: Exchange, target: RepositoryTarget): Promise<void> {
    if (target.at === "root") return await this.#create(exchange, target);
    if (target.at === "folder") return await this.#list(exchange, target.repository, target.kind);
    const { repository, file } = target;
    switch (exchange.method) {
      case "HEAD":
        return await this.#tellSize(exchange, repository, file);
      case "GET":
        return await this.#read(exchange, repository, file);
      case "POST":
        return await this.#write(exchange, repository, file);
      default:
        return await this.#remove(exchange, repository, file);
    }
  }

  async #create(exchange: Exchange, { repository, create }: Extract<Target, { at: "root" }>): Promise<void> {
    if (!create) throw new Refusal(400, "Creating a repository needs ?create=true");
    await this.#options.files.create(repository);
    await exchange.send(200, {});
  }

  async #list(exchange: Exchange, repository: string, kind: FileKind): Promise<void> {
    const isV2 = (exchange.header("accept") ?? "").includes(LIST_TYPE_V2);
    const files = await this.#options.files.list(repository, kind);
    const headers = { "content-type": isV2 ? LIST_TYPE_V2 : LIST_TYPE_V1 };
    const encoder = new TextEncoder();
    let text = "[";
    let hasBegun = false;
    for await (const item of listItems(files, isV2)) {
      text += item;
      if (text.length < LIST_PIECE_CHARACTERS) continue;
      if (!hasBegun) exchange.begin(200, headers);
      hasBegun = true;
      await exchange.write(encoder.encode(text));
      text = "";
    }
    if (!hasBegun) return await exchange.send(200, headers, `${text}]`);
    await exchange.write(encoder.encode(`${text}]`));
    await exchange.end();
  }

  async #tellSize(exchange: Exchange, repository: string, file: FileName): Promise<void> {
    const sizeBytes = await this.#options.files.size(repository, file);
    exchange.begin(200, { ...FILE_HEADERS, "content-length": sizeBytes });
    await exchange.end();
  }

  async #read(exchange: Exchange, repository: string, file: FileName): Promise<void> {
    using stored = await this.#options.files.open(repository, file);
    const part = requestedPart(exchange.header("range"), stored.sizeBytes);
    if (part.part === "unsatisfiable") {
      const headers = { "content-range": `bytes */${stored.sizeBytes}` };
      throw new Refusal(416, "The range begins behind the end of the file", { headers });
    }
    await this.#sender.send(exchange, stored, part);
    this.#count(exchange, "read", { repository, kind: file.kind, bytes: exchange.bytesSent });
  }

  async #write(exchange: Exchange, repository: string, file: FileName): Promise<void> {
    const upload = { content: exchange.body(), sizeBytes: exchange.contentLength };
    const bytes = await this.#options.files.put(repository, file, upload);
    this.#count(exchange, "write", { repository, kind: file.kind, bytes });
    await exchange.send(200, {});
  }

  async #remove(exchange: Exchange, repository: string, file: FileName): Promise<void> {
    const bytes = await this.#options.files.remove(repository, file);
    if (bytes !== undefined) this.#count(exchange, "delete", { repository, kind: file.kind, bytes });
    await exchange.send(200, {});
  }

  #count(
    { user }: Exchange,
    action: BlobEvent["action"],
    event: Pick<BlobEvent, "repository" | "kind" | "bytes">,
  ): void {
    this.#options.metrics.countBlob({ action, user, ...event });
  }

  /** The refusal that a client sees for a failure, without paths of this machine. */
  #refusalOf(exchange: Exchange, thrown: unknown): Refusal {
    if (thrown instanceof NotFoundError) return new Refusal(404, "There is no such file or repository");
    this.#reportFailure(exchange, thrown);
    if (thrown instanceof StoreFullError) return new Refusal(507, "The server's disk is full");
    if (thrown instanceof TemporaryError) return new Refusal(503, "The server is out of resources; try again");
    return new Refusal(500, "The server failed; its log says why");
  }

  #reportFailure({ method, url }: Exchange, thrown: unknown): void {
    this.#options.metrics.countError();
    this.#options.onProblem(`${method} ${url} failed: ${messageOf(thrown)}`);
  }
}

async function sendMetrics(exchange: Exchange, text: string): Promise<void> {
  await exchange.send(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }, text);
}

/** The rows of a list as JSON, with commas between them. */
async function* listItems(files: AsyncIterable<ListedFile>, isV2: boolean): AsyncGenerator<string> {
  let separator = "";
  for await (const { name, size } of files) {
    yield isV2 ? `${separator}{"name":"${name}","size":${size}}` : `${separator}"${name}"`;
    separator = ",";
  }
}
