/** What is wrong with the form, as the server or the form itself found it. */
import { signal } from "@preact/signals";
import type { FieldError } from "../../api/types";

export const problems = signal<readonly FieldError[]>([]);

/** Counts the times that something was found wrong, so that the user is led there once each time. */
export const found = signal(0);

/** Says what is wrong, in place of what was. */
export function tell(errors: readonly FieldError[]): void {
  problems.value = errors;
  if (errors.length) found.value++;
}

/** Says what is wrong with a field without leading anybody to it: it was typed there just now. */
export function remark(error: FieldError): void {
  problems.value = [...problems.peek().filter((each) => each.pointer !== error.pointer), error];
}

/** Forgets what was wrong with a field: it is being changed. */
export function mend(...pointers: string[]): void {
  const left = problems.peek().filter((each) => !isOf(each, pointers));
  if (left.length < problems.peek().length) problems.value = left;
}

/** Whether an error is of one of these fields, or of a part of one. */
export function isOf(error: FieldError, pointers: readonly string[]): boolean {
  return pointers.some((each) => error.pointer === each || error.pointer.startsWith(`${each}/`));
}
