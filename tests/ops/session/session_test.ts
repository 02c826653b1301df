/** A session commits all of its streams or nothing, whatever its user overlooks. */
import assert from "node:assert/strict";
import { BugError, SourceError } from "../../../src/base/errors.ts";
import { parseStreamPath } from "../../../src/format/manifest/series.ts";
import { openAccess } from "../../../src/ops/access.ts";
import { withSession } from "../../../src/ops/session/open_session.ts";
import type { Session } from "../../../src/ops/session/session.ts";
import type { SessionStream } from "../../../src/ops/session/session_stream.ts";
import type { Feed } from "../../../src/pipeline/feed.ts";
import { FeedGroup } from "../../../src/pipeline/writable_feed.ts";
import { SegmentPool } from "../../../src/pipeline/segments.ts";
import { startThreads } from "../../../src/pipeline/threads.ts";
import { BytesSource, ENGINE, fakeWorld, memoryRepository, namesOf, putRequest } from "../../helpers/world.ts";

/** Runs `work` with a session; gives its error, where it throws, and how many backups there are then. */
async function inSession(work: (session: Session) => Promise<unknown>) {
  const world = fakeWorld();
  const { access, store } = await memoryRepository(world);
  using threads = startThreads(1);
  const { signal } = new AbortController();
  const request = { ...putRequest(new BytesSource(new Uint8Array(0))), engine: ENGINE };
  const session = async () => {
    await using repository = await openAccess(access, { world });
    await using lock = await repository.lock({ exclusive: false, signal });
    return await withSession({ repository, threads, world, lock, request, signal }, work);
  };
  const [{ reason }] = await Promise.allSettled([session()]) as [PromiseRejectedResult];
  return { error: reason as unknown, backups: (await namesOf(store, "snapshot")).length };
}

function stream(path: string, feed: Feed, judge = () => {}): SessionStream {
  return { path: parseStreamPath(path), feed, guard: "none", isGuardMeant: true, judge };
}

function newFeed() {
  return new FeedGroup(new SegmentPool({ count: 2, segmentBytes: 1000 })).open();
}

/** A stream of nothing. */
function ended() {
  const feed = newFeed();
  feed.end();
  return feed;
}

Deno.test("streams that were stored are committed", async () => {
  const { error, backups } = await inSession(async (session) => {
    await Promise.all(["a", "b"].map((path) => session.store(stream(path, ended()))));
    const { manifest } = await session.commit();
    assert.deepEqual(manifest.files.map(({ path }) => path), ["a", "b"]);
  });
  assert.deepEqual([error, backups], [undefined, 1]);
});

Deno.test("nothing is committed while a stream is under way", async () => {
  const { error, backups } = await inSession(async (session) => {
    const feed = newFeed();
    const storing = session.store(stream("a", feed));
    try {
      await session.commit();
    } finally {
      feed.end();
      await storing;
    }
  });
  assert.ok(error instanceof BugError);
  assert.equal(backups, 0);
});

Deno.test("nothing is committed once a stream was not stored", async () => {
  const { error, backups } = await inSession(async (session) => {
    const refuse = () => {
      throw new SourceError("not whole");
    };
    await session.store(stream("a", ended()));
    await session.store(stream("b", ended(), refuse)).catch(() => {});
    await session.commit();
  });
  assert.ok(error instanceof BugError);
  assert.equal(backups, 0);
});

Deno.test("no stream begins once the commit has, and a session commits once", async () => {
  const { error, backups } = await inSession(async (session) => {
    await session.commit({
      confirm: () => assert.rejects(session.store(stream("late", ended())), BugError),
    });
    await session.commit();
  });
  assert.ok(error instanceof BugError);
  assert.equal(backups, 1);
});
