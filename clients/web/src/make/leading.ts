/** Leads to what is wrong in the form. */
import { isOf, problems } from "../state/form/problems";

/** Fields of rooms that come when they are opened, and may be on their way. */
const COMING = ["/controls", "/ip_adapters", "/reference_only", "/regions"];

const coming = () => problems.peek().some((each) => isOf(each, COMING));

/** Brings the focus to the first field that is wrong, as soon as it is there; returns what gives that up. */
export function leadToWrong(): () => void {
  const reachable = document.querySelector("dialog[open]") ?? document;
  const lead = () => {
    const field = reachable.querySelector<HTMLElement>("[aria-invalid=true]");
    field?.focus();
    return field !== null;
  };
  if (lead() || !coming()) return () => undefined;
  const watch = new MutationObserver(() => {
    if (!coming() || lead()) watch.disconnect();
  });
  watch.observe(reachable, { childList: true, subtree: true });
  return () => watch.disconnect();
}
