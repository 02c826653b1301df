/** A repository with nothing but locks, for tests of them: a clock, a store, and who is alive. */
import { createSealer } from "../../src/crypto/seal.ts";
import type { PendingLock } from "../../src/repository/lock/held_lock.ts";
import type { LockTools } from "../../src/repository/lock/locks.ts";
import { SealedFileWriter } from "../../src/repository/sealed_files.ts";
import { type FaultPlan, type FaultyStore, withFaults } from "../helpers/fault_store.ts";
import { openMemoryStore } from "../../src/store/memory_store.ts";
import type { BlobStore } from "../../src/store/store.ts";
import { FakeClock, IDENTITY, namesOf, noise, seededRandom } from "../helpers/world.ts";

export const MINUTE = 60_000;
export const sealer = createSealer(
  { encrypt: noise(32, "e"), macK: noise(16, "k"), macR: noise(16, "r") },
  seededRandom("locks"),
);

export interface Scene {
  readonly clock: FakeClock;
  /** What lies in the store, whatever faults it has. */
  readonly store: BlobStore;
  readonly faulty: FaultyStore;
  readonly files: SealedFileWriter;
  readonly tools: LockTools;
}

interface SceneOptions {
  readonly alive?: readonly number[];
  readonly plan?: FaultPlan;
}

/** Every process that is alive started at the time 1 of the process table. */
export function scene({ alive = [IDENTITY.pid], plan = () => undefined }: SceneOptions = {}): Scene {
  const clock = new FakeClock();
  const store = openMemoryStore();
  const faulty = withFaults(store, plan);
  const tools = {
    clock,
    identity: IDENTITY,
    processExists: (pid: number, started = 1) => alive.includes(pid) && started === 1,
    randomBytes: seededRandom("pauses"),
  };
  return { clock, store, faulty, files: new SealedFileWriter(faulty, sealer, 2), tools };
}

/** The same, for another process. */
export function otherTools({ tools }: Scene, identity: Partial<LockTools["identity"]>): LockTools {
  return { ...tools, identity: { ...IDENTITY, ...identity } };
}

/** A lock as somebody else writes it, `ageMs` ago; as restic does without `agent`. */
export async function foreignLock(
  { files, clock }: Pick<Scene, "files" | "clock">,
  { ageMs = 0, ...fields }: { ageMs?: number; [field: string]: unknown } = {},
): Promise<void> {
  const time = new Date(clock.now().getTime() - ageMs).toISOString().replace("Z", "456+00:00");
  const json = { time, exclusive: false, hostname: "other", username: "root", pid: 99, unknown: 1, ...fields };
  await files.save("lock", new TextEncoder().encode(JSON.stringify(json)));
}

export async function released(...locks: PendingLock[]): Promise<void> {
  for (const lock of locks) await lock.release();
}

/** As `agent unlock --remove-all` does. */
export async function removeAll({ store }: Scene): Promise<void> {
  for (const name of await namesOf(store, "lock")) await store.remove({ kind: "lock", name });
}
