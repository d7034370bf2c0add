import { change, draft } from "../state/form/draft";
import { mend } from "../state/form/problems";
import { ChosenList } from "./Chosen";
import { t } from "./words";

/** The styles whose words the server puts to the prompt; a tap leaves one. */
export function Styles() {
  const { styles } = draft.value;
  const each = styles.map((name) => ({
    says: name,
    out: t("leaveStyle", name),
    leave: () => {
      mend("/styles");
      change({ styles: styles.filter((other) => other !== name) });
    },
  }));
  return <ChosenList label={t("styles")} each={each} fields={["/styles"]} />;
}
