/** The steps of a batch as a list. */
import { StepReader, type WalkBatch, type WalkStep } from "../../../../src/engine/files/walk/walk_batch.ts";

/** The steps, each with the problems that come before it; `null` for those at the end. */
export function stepsOf(batch: WalkBatch): { readonly step: WalkStep | null; readonly problems: readonly string[] }[] {
  const reader = new StepReader(batch);
  const steps: ReturnType<typeof stepsOf> = [];
  for (;;) {
    const problems = reader.problems();
    const step = reader.next();
    steps.push({ step, problems });
    if (step === null) return steps;
  }
}
