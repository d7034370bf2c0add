import { besideSaid } from "../state/form/beside";
import { change, draft, onlyEnlarges } from "../state/form/draft";
import { input } from "../state/form/input";
import { mend } from "../state/form/problems";
import { ChosenList } from "./Chosen";
import { t } from "./words";

/** What a recipe asks for beside all fields of the form; a tap leaves it out. */
export function Beside() {
  const { beside, hires } = draft.value;
  const said = onlyEnlarges(draft.value, input.value) ? [] : besideSaid(beside).filter(([field]) => field !== "hires" || (hires !== null && !input.value));
  const each = said.map(([field, words]) => ({
    says: words,
    out: t("leaveOut", words),
    leave: () => {
      mend(`/${field}`);
      const { [field]: _, ...rest } = beside;
      change({ beside: rest });
    },
  }));
  return <ChosenList label={t("beside")} each={each} fields={said.map(([field]) => `/${field}`)} />;
}
