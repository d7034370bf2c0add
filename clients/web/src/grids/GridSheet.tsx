import { useComputed, useSignal } from "@preact/signals";
import { Refused } from "../api/errors";
import { createGrid } from "../api/collections/grids";
import type { FieldError, JobRequest } from "../api/types";
import { randomSeed, uuid } from "../browser";
import { lead } from "../state/page/attention";
import { draft, files, request } from "../state/form/draft";
import { guides } from "../state/form/guides";
import { input } from "../state/form/input";
import { refresh } from "../state/live/jobs";
import { model } from "../state/form/models";
import { picking } from "../state/page/overlays";
import { toast } from "../state/page/toasts";
import { Icon } from "../ui/Icon";
import { said } from "../ui/said";
import { capital, sentence } from "../ui/sentence";
import { Sheet } from "../ui/sheets/Sheet";
import { AxisField, names, title } from "./AxisField";
import "./grids.css";
import { axisOf, count, EMPTY_ROW, valuesOf, type Field, type Row } from "./plan";
import { t } from "./words";

const AXES = ["across", "down", "sheets"] as const;

/** As many as the server takes. */
const MOST = 256;

/** What changes along each axis, and a button that asks for all combinations. */
export function GridSheet() {
  const rows = useSignal<readonly Row[]>(AXES.map(() => EMPTY_ROW));
  const problems = useSignal<readonly FieldError[]>([]);
  const busy = useSignal(false);
  const all = useComputed(() => count(rows.value));
  const used = rows.value.flatMap((row, at) => (row.field ? [at] : []));
  const close = () => (picking.value = null);
  const send = async () => {
    const axes = used.map((at) => {
      const row = rows.value[at]!;
      return axisOf(row, title(row.field as Field), (name) => names(row.field).find((each) => each.name === name)?.text ?? name);
    });
    busy.value = true;
    problems.value = [];
    try {
      await createGrid(await asked(), axes, uuid());
      close();
      toast(t("sent"));
      await refresh();
      lead("jobs");
    } catch (error) {
      if (error instanceof Refused && error.fields.length) problems.value = error.fields;
      else toast(sentence(error, false));
    } finally {
      busy.value = false;
    }
  };
  const of = (place: number) => problems.value.filter((each) => used[Number(/^\/axes\/(\d)/.exec(each.pointer)?.[1] ?? -1)] === place);
  const others = problems.value.filter((each) => !/^\/axes\/\d/.test(each.pointer));
  return (
    <Sheet title={t("grid")} close={close}>
      <form
        class="grid-form"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <p class="muted">{t("about")}</p>
        {AXES.map((axis, place) => (
          <AxisField
            key={axis}
            label={t(axis)}
            row={rows.value[place]!}
            problems={of(place)}
            change={(row) => {
              problems.value = [];
              rows.value = rows.value.map((each, at) => (at === place ? row : each));
            }}
          />
        ))}
        {others.map((each) => (
          <p key={each.pointer} class="error" role="alert">
            {capital(`${each.pointer.replace(/^\/(request\/)?/, "")}: ${said(each.detail, each.wording)}`)}
          </p>
        ))}
        {all.value > MOST && <p class="error">{t("most", MOST)}</p>}
        <button
          type="submit"
          class="primary"
          disabled={busy.value || !all.value || all.value > MOST || rows.value.some((each) => each.field && valuesOf(each) === null)}
        >
          <Icon name="make" />
          {all.value ? t("make", all.value) : t(used.length ? "valuesFirst" : "makeFirst")}
        </button>
      </form>
    </Sheet>
  );
}

/** What the form says, for one picture, with its pictures in it. */
async function asked(): Promise<JobRequest> {
  const [from, source] = [draft.peek(), input.peek()];
  const [chosen, steered] = [model.peek(), guides.peek()];
  const { count: _, ...rest } = request({ ...from, walk: null, seed: from.seed ?? randomSeed() }, source, chosen, steered);
  const given = files(source, steered, chosen, from);
  const wish: JobRequest = { ...rest };
  if (given.image) wish.image = await dataUri(given.image);
  if (given.mask) wish.mask = await dataUri(given.mask);
  const or = (file: Blob | undefined, named: string) => (file ? dataUri(file) : named);
  const { references, controls, ip_adapters } = wish;
  if (references) wish.references = await Promise.all(references.map((each, at) => or(given[`reference_${at}`], each)));
  if (controls) {
    wish.controls = await Promise.all(
      controls.map(async (each, at) => ({ ...each, image: await or(given[`control_${at}`], each.image) })),
    );
  }
  if (ip_adapters) {
    wish.ip_adapters = await Promise.all(
      ip_adapters.map(async (each, at) => ({
        ...each,
        images: await Promise.all(each.images.map((image, index) => or(given[`ip_adapter_${at}_${index}`], image))),
      })),
    );
  }
  return wish;
}

function dataUri(file: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error ?? new Error("unreadable"));
    reader.readAsDataURL(file);
  });
}
