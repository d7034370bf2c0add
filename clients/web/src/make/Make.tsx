import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { duration } from "../i18n";
import { connection } from "../state/live/connection";
import { draft, onlyEnlarges, reset } from "../state/form/draft";
import { guides, NONE } from "../state/form/guides";
import { input } from "../state/form/input";
import { model, needsPicture, samplers, schedules } from "../state/form/models";
import { picking } from "../state/page/overlays";
import { found, problems, tell } from "../state/form/problems";
import { read, use } from "../state/form/preset";
import { close, route } from "../state/page/route";
import { toast } from "../state/page/toasts";
import { Icon } from "../ui/Icon";
import { Sheet } from "../ui/sheets/Sheet";
import { useAttention } from "../ui/useAttention";
import { FileButton } from "./start/FileButton";
import { foretell, roughly, takes } from "./forecast";
import { leadToWrong } from "./leading";
import { elsewhere, inSettings } from "./problems";
import { Beside } from "./Beside";
import { Prompt } from "./Prompt";
import { touched, wide } from "./screen";
import { send } from "./send";
import { differences } from "./settings/choices";
import { Settings } from "./settings/Settings";
import { settle } from "./settle";
import { NO_ROOM, stuck } from "./start/noRoom";
import { Start } from "./start/Start";
import { Styles } from "./Styles";
import { t } from "./words";
import "./make.css";

/** The form: what to make, and how. */
export function Make() {
  const form = useRef<HTMLFormElement>(null);
  const sheet = useSignal(false);
  useAttention("form", form);
  const go = () => {
    if (send()) settle();
  };

  const { open } = route.value;
  useEffect(() => {
    if (!open) return;
    const preset = read(open);
    if (preset) use(preset);
    toast(t(preset ? "filledByLink" : "badLink"));
    close();
  }, [open]);

  const led = useRef(found.peek());
  useEffect(() => {
    if (led.current === found.value) return undefined;
    if (inSettings.peek() && !wide.peek() && !sheet.peek()) {
      // Comes back here once it is open.
      sheet.value = true;
      return undefined;
    }
    led.current = found.value;
    return leadToWrong();
  }, [found.value, sheet.value]);

  return (
    <form
      ref={form}
      class="make-form"
      aria-label={t("form")}
      onSubmit={(event) => {
        event.preventDefault();
        go();
      }}
      onKeyDown={(event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.defaultPrevented) {
          event.preventDefault();
          go();
        }
      }}
    >
      <Prompt send={go} />
      <Styles />
      <Beside />
      {input.value && <Start source={input.value} />}
      <div class="tools">
        {touched.value && <FileButton label={t("camera")} icon="camera" camera />}
        <FileButton label={t("picture")} icon="image" />
        <button type="button" aria-haspopup="dialog" aria-label={t("grid")} title={t("grid")} onClick={() => (picking.value = "grid")}>
          <Icon name="grid" />
        </button>
        {!wide.value && (
          <button type="button" aria-haspopup="dialog" onClick={() => (sheet.value = true)}>
            <Icon name="settings" />
            {t("settings")}
          </button>
        )}
      </div>
      <button type="submit" class="primary send" disabled={stuck.value !== null} aria-describedby={stuck.value ? NO_ROOM : "takes"}>
        <Icon name="make" />
        {t("make")}
        {!stuck.value && <Takes />}
      </button>
      {!sheet.value && <Elsewhere />}
      <Notes />
      <Chips />
      {wide.value ? (
        <section class="panel" aria-label={t("settings")}>
          <Settings />
        </section>
      ) : (
        sheet.value && (
          <Sheet title={t("settings")} close={() => (sheet.value = false)}>
            <Elsewhere />
            <Settings />
          </Sheet>
        )
      )}
    </form>
  );
}

/** About how long it will take, where the server knows. */
function Takes() {
  useEffect(foretell, []);
  const seconds = takes.value;
  return (
    <small id="takes" class="takes" aria-hidden="true">
      {seconds !== null && t("takes", duration(roughly(seconds)))}
    </small>
  );
}

/** What is wrong and belongs to no field in sight. */
function Elsewhere() {
  if (!elsewhere.value.length) return null;
  return (
    <p class="error" role="alert">
      {elsewhere.value.join(" ")}
    </p>
  );
}

/** What stands in the way without keeping anybody from sending. */
function Notes() {
  if (connection.value !== "online") return null;
  const note = !model.value
    ? t("noModels")
    : !model.value.live
      ? t("asleep")
      : needsPicture.value && !input.value && !problems.value.length
        ? t("needsPicture", model.value.title)
        : "";
  return note ? <p class="muted note">{note}</p> : null;
}

/** What differs from the defaults, in a line. */
function Chips() {
  const of = (from: typeof draft.value) => differences(from, model.value, samplers.value, schedules.value, guides.value, onlyEnlarges(from, input.value));
  const chips = of(draft.value);
  const lasting = of({ ...draft.value, negative: "" });
  if (!chips.length) return null;
  return (
    <div class="chips">
      <ul aria-label={t("changed")}>
        {chips.map((chip) => (
          <li key={chip}>{chip}</li>
        ))}
      </ul>
      {lasting.length > 0 && (
        <button
          type="button"
          class="plain"
          onClick={() => {
            tell([]);
            reset();
            guides.value = NONE;
          }}
        >
          <Icon name="undo" />
          {t("reset")}
        </button>
      )}
    </div>
  );
}
