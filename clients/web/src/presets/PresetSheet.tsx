import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { presets as ownPresets, savePreset } from "../api/collections/collections";
import { keepStyle, styles as allStyles } from "../api/collections/styles";
import type { Preset, Style } from "../api/types";
import { draft } from "../state/form/draft";
import { picking } from "../state/page/overlays";
import { presetOf } from "../state/form/preset";
import { toast } from "../state/page/toasts";
import { sentence } from "../ui/sentence";
import { Sheet } from "../ui/sheets/Sheet";
import { attempt } from "./attempt";
import { Keep } from "./Keep";
import { PresetList } from "./PresetList";
import "./presets.css";
import { StyleList } from "./StyleList";
import { t } from "./words";

/** Styles of the server and presets of the user, and a way to keep what the form says as either. */
export function PresetSheet() {
  const styles = useSignal<readonly Style[]>([]);
  const presets = useSignal<readonly Preset[]>([]);
  const close = () => (picking.value = null);
  const refresh = async () => {
    [styles.value, presets.value] = await Promise.all([allStyles(), ownPresets()]);
  };
  const keep = async (name: string, words: boolean) => {
    const { prompt, negative } = draft.peek();
    try {
      await (words ? keepStyle(name, prompt.trim(), negative.trim()) : savePreset(name, presetOf()));
    } catch (error) {
      toast(sentence(error, false));
      return false;
    }
    toast(t("saved", name));
    await attempt(refresh());
    return true;
  };
  useEffect(() => void attempt(refresh()), []);
  return (
    <Sheet title={t("presets")} close={close}>
      <StyleList styles={styles} />
      <PresetList presets={presets} close={close} />
      <Keep keep={keep} />
    </Sheet>
  );
}
