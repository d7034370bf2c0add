/** What was written otherwise, as the server takes it. */

const NUMBERS: readonly string[] = ["steps", "guidance_scale", "width", "height"];

/** The fields that differ; one that was emptied is what the files say again. */
export function differs(
  was: Record<string, string>,
  now: Record<string, string>,
): Record<string, string | number | string[] | null> {
  const changed = Object.entries(now).filter(([name, value]) => value.trim() !== was[name]!.trim());
  return Object.fromEntries(changed.map(([name, value]) => [name, meant(name, value.trim())]));
}

function meant(name: string, value: string): string | number | string[] | null {
  if (!value) return null;
  if (NUMBERS.includes(name)) return Number(value);
  if (name !== "triggers") return value;
  return value.split(/[,،]/).map((each) => each.trim()).filter(Boolean);
}
