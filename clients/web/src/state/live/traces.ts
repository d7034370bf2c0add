/** The steps of traced pictures as they come, until their traces are whole. */
import { signal } from "@preact/signals";
import type { TracedStep } from "../../api/types";

/** Steps of the job that came last, the first ones first. */
export const tracedSteps = signal<readonly TracedStep[]>([]);

/** A step was made. */
export function heardOf(step: TracedStep): void {
  const own = tracedSteps.peek().filter((each) => each.job === step.job && each.step !== step.step);
  tracedSteps.value = [...own, step];
}
