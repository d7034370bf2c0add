import { source } from "../api/images";
import type { Axis, Grid } from "../api/types";
import { t } from "./words";

/** Pixels that a cell's picture is fetched at. */
const WIDTH = 192;

type Cell = Grid["cells"][number];

/** The pictures in columns and rows under their labels; a third axis has a table for each value. */
export function Table({ grid }: { grid: Grid }) {
  const [across, down, deep] = grid.axes;
  const columns = across!.values.length;
  const rows = down?.values.length ?? 1;
  const label = (axis: Axis, at: number) => axis.labels?.[at] ?? String(axis.values[at]);
  const named = (axis: Axis) => axis.title || axis.replace || axis.field.slice(1);
  const told = (...at: number[]) => grid.axes.map((axis, index) => `${named(axis)}: ${label(axis, at[index]!)}`).join(", ");
  return (
    <div class="grid-tables" tabIndex={0} role="region" aria-label={t("table", grid.prompt)}>
      {(deep?.values ?? [null]).map((_, sheet) => (
        <table key={sheet}>
          {deep && (
            <caption>
              {named(deep)}: <bdi>{label(deep, sheet)}</bdi>
            </caption>
          )}
          <thead>
            <tr>
              {down && <td class="muted">{t("corner", named(across!), named(down))}</td>}
              {across!.values.map((_, x) => (
                <th key={x} scope="col" dir="auto">
                  {label(across!, x)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {Array.from({ length: rows }, (_, y) => (
              <tr key={y}>
                {down && (
                  <th scope="row" dir="auto">
                    {label(down, y)}
                  </th>
                )}
                {across!.values.map((_, x) => (
                  <td key={x}>
                    <Picture cell={grid.cells[x + columns * (y + rows * sheet)]!} told={told(x, y, sheet)} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      ))}
    </div>
  );
}

function Picture({ cell, told }: { cell: Cell; told: string }) {
  const { output, status, error } = cell;
  if (output) {
    return (
      <a href={`#/gallery/${output.id}`}>
        <img src={source(output, WIDTH)} alt={told} width={output.width} height={output.height} loading="lazy" />
      </a>
    );
  }
  const word = !status ? t("gone") : status === "succeeded" ? t("gone") : t(status);
  return (
    <span class="no-picture muted" title={error?.detail}>
      {word}
    </span>
  );
}
