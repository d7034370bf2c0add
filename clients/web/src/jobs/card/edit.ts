/** Brings what a card asked for back into the form, and the user to it. */
import { fillForm, startOf, steeredBy, unsentGuides, unsentStart } from "../../actions/form";
import type { Job } from "../../api/types";
import { lead } from "../../state/page/attention";
import type { Outgoing } from "../../state/live/outgoing";

/** A job that the server has. */
export async function edit({ input, pictures }: Job): Promise<void> {
  await fillForm(input, startOf(input, pictures), steeredBy(input, pictures));
  show();
}

/** A request that never got there. */
export async function editUnsent({ request, files }: Outgoing): Promise<void> {
  await fillForm(request, unsentStart(request, files), unsentGuides(request, files));
  show();
}

function show(): void {
  lead("form");
  document.querySelector<HTMLElement>(".prompt textarea")?.focus({ preventScroll: true });
}
