/** Stores on a real S3 server, each below a prefix of its own in one bucket; the server starts with the first of them. */
import { createHash } from "node:crypto";
import { systemClock } from "../../../src/base/clock.ts";
import { openHttpClient } from "../../../src/store/http/http_client.ts";
import { S3Connection } from "../../../src/store/s3/connection.ts";
import { parseS3Place } from "../../../src/store/s3/bucket_address.ts";
import { openS3Store, type S3StoreOptions } from "../../../src/store/s3/s3_store.ts";
import type { BlobStore } from "../../../src/store/store.ts";
import type { StoreFixture } from "../../conformance/store_suite.ts";
import { type S3Engine, type S3Server, startS3Server } from "../../helpers/s3_servers.ts";

/** One server for all tests of a file. */
export class RealS3 {
  readonly #program: string;
  readonly #engine: S3Engine;
  #server: Promise<S3Server> | undefined;
  #prefixes = 0;

  /** `program` is the path of `s3-server`. */
  constructor(program: string, engine: S3Engine) {
    this.#program = program;
    this.#engine = engine;
  }

  server(): Promise<S3Server> {
    return this.#server ??= startS3Server(this.#program, this.#engine);
  }

  /** What follows `s3:` for a repository that nobody uses yet. */
  async place(): Promise<string> {
    return `${(await this.server()).endpoint}/conformance/a b+c/${++this.#prefixes}`.replaceAll(" ", "%20");
  }

  async open(place: string, more: Pick<S3StoreOptions, "pageKeys" | "partSizes"> = {}): Promise<BlobStore> {
    const { env } = await this.server();
    const environment = { env: (name: string) => env[name], settings: new Map() };
    return openS3Store(place, { clock: systemClock, network: {}, ...environment, ...more });
  }

  async fixture(): Promise<StoreFixture> {
    const place = await this.place();
    const store = await this.open(place);
    await store.create();
    return {
      store,
      reopen: () => this.open(place),
      plant: (path, bytes) => this.#plant(place, path, bytes),
      dispose: () => store.close(),
    };
  }

  async stop(): Promise<void> {
    await (await this.#server)?.stop();
  }

  async #plant(text: string, path: string, bytes: Uint8Array): Promise<void> {
    const { env } = await this.server();
    const place = parseS3Place(text);
    const http = openHttpClient({ connections: 1, clock: systemClock });
    const credentials = { accessKeyId: env.AWS_ACCESS_KEY_ID!, secretAccessKey: env.AWS_SECRET_ACCESS_KEY! };
    const connection = new S3Connection({
      http,
      place,
      style: "path",
      region: () => Promise.resolve(env.AWS_REGION!),
      credentials: () => Promise.resolve(credentials),
      clock: systemClock,
    });
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const { status } = await connection.send({
      method: "PUT",
      key: `${place.prefix}/${path}`,
      content: [bytes],
      sha256,
    });
    await http.close();
    if (status !== 200) throw new Error(`Cannot plant ${path}: HTTP status ${status}`);
  }
}
