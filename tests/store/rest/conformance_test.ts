/** The REST store against the contract of all stores, on every server of the protocol. */
import { deepEqual } from "node:assert/strict";
import { dirname } from "node:path";
import { systemClock } from "../../../src/base/clock.ts";
import type { BlobStore } from "../../../src/store/store.ts";
import { openRestStore } from "../../../src/store/rest/rest_store.ts";
import { type Skip, storeConformance, type StoreFixture } from "../../conformance/store_suite.ts";
import { emptySandbox, type Sandbox } from "../../helpers/executable.ts";
import { findProgram, programTest } from "../../helpers/programs.ts";
import { served, startRcloneRest, startRestServer } from "../../helpers/rest_servers.ts";
import { startOpenServer } from "../../server/open_server.ts";

/** Something that serves the directory `served` of a sandbox; disposing ends it. */
interface Serving extends AsyncDisposable {
  /** Where it listens, such as `http://127.0.0.1:41234`. */
  readonly origin: string;
}

function openStore({ origin }: Serving): BlobStore {
  return openRestStore(`${origin}/shop/`, { clock: systemClock, network: {} });
}

/** An empty repository on a server of its own. */
async function restFixture(start: (box: Sandbox) => Promise<Serving>): Promise<StoreFixture> {
  const box = await emptySandbox();
  const server = await start(box);
  const store = openStore(server);
  await store.create();
  return {
    store,
    reopen: () => Promise.resolve(openStore(server)),
    plant: async (path, bytes) => {
      const place = served(box, "shop", path);
      await Deno.mkdir(dirname(place), { recursive: true });
      await Deno.writeFile(place, bytes);
    },
    dispose: async () => {
      await using _box = box;
      await using _server = server;
      await store.close();
    },
  };
}

/** The agent's server, in this process. A problem that it tells of fails the test. */
async function startOwnServer(box: Sandbox): Promise<Serving> {
  const problems: string[] = [];
  const server = await startOpenServer(served(box), { onProblem: (message) => void problems.push(message) });
  return {
    origin: `http://${server.address}`,
    async [Symbol.asyncDispose]() {
      await server.close();
      deepEqual(problems, []);
    },
  };
}

/** Registers the suite for a server that is a program. */
function programConformance(
  name: string,
  need: string,
  start: (program: string, box: Sandbox) => Promise<Serving>,
  skips: readonly Skip[] = [],
): void {
  const program = findProgram(need);
  if (program === undefined) {
    programTest({ name: `REST store on ${name}: the whole suite`, needs: [need], fn: () => {} });
  } else {
    storeConformance(`REST store on ${name}`, { create: () => restFixture((box) => start(program, box)) }, skips);
  }
}

const FLAT_PACKS: Skip = {
  test: "foreign files are passed over",
  reason: "the server lists packs without their folders, so one in a wrong folder looks like any other",
};

const rcloneOverwrites = (test: string): Skip => ({
  test,
  reason: "rclone overwrites whatever exists, the config included, unless it is started with --append-only",
});

const rcloneKeepsHalves = (test: string): Skip => ({
  test,
  reason: "rclone keeps what arrived of an upload that broke off; the next one of the same name replaces it",
});

storeConformance("REST store on the agent's server", { create: () => restFixture(startOwnServer) });

programConformance("restic's rest-server", "restic-rest-server", startRestServer, [FLAT_PACKS]);

programConformance("rclone serve restic", "rclone", startRcloneRest, [
  FLAT_PACKS,
  ...[
    "what one store put another one on the same files finds",
    "put never overwrites",
    "of several writers of one name exactly one wins",
  ].map(rcloneOverwrites),
  ...["a put aborted in the middle leaves nothing", "a put whose content fails in the middle leaves nothing"]
    .map(rcloneKeepsHalves),
  {
    test: "an empty file is a file",
    reason:
      'to a range of an empty file rclone answers with "bytes 0--1/0", which is none; repositories hold no such file',
  },
  {
    test: "several writers of the same content do each other no harm",
    reason: "of several uploads of one name at the same time rclone answers some with 500, which a retry settles",
  },
]);
