/** Targets whose streams are changed or watched on their way. */
import type { EngineTarget, OpenTarget, RestoredItem, TargetStream } from "../engine.ts";

/** What happens to the streams of one run. */
interface Wrapping {
  /** What takes the place of a stream. */
  readonly wrap: (stream: TargetStream, item: RestoredItem) => TargetStream;
  /** Called at the end of the run, however it ends. */
  readonly dispose?: () => void;
}

/** The same target; `begin` is called for each run. */
export function withWrappedStreams(target: EngineTarget, begin: () => Wrapping): EngineTarget {
  return { open: async (request) => wrapped(await target.open(request), begin()) };
}

function wrapped(open: OpenTarget, { wrap, dispose = () => {} }: Wrapping): OpenTarget {
  return {
    beginLevel: (level) => open.beginLevel(level),
    async take(item): Promise<TargetStream | null> {
      const stream = await open.take(item);
      return stream && wrap(stream, item);
    },
    endLevel: () => open.endLevel(),
    finish: () => open.finish().finally(dispose),
    cancel: () => open.cancel().finally(dispose),
  };
}
