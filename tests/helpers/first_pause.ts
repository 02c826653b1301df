/** A clock for tests of what goes on while a lock settles. */
import { FakeClock, macrotask } from "./world.ts";

/** A clock whose first pause, the one after a lock is written, lasts as long as something else is done. */
export class FirstPause extends FakeClock {
  #meanwhile: (() => Promise<void>) | undefined;

  constructor(meanwhile: () => Promise<void>) {
    super();
    this.jump(86_400_000);
    this.#meanwhile = meanwhile;
  }

  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const meanwhile = this.#meanwhile;
    if (meanwhile === undefined) return await super.sleep(ms, signal);
    this.#meanwhile = undefined;
    await meanwhile();
  }
}

/** Lasts until whoever does not wait for the lock has begun with the next step. */
export async function nextStep(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await macrotask();
}
