/** Lines over steps, with a point on one of them. */
export interface Line {
  name: string;
  values: readonly number[];
}

const [WIDTH, HEIGHT, EDGE] = [320, 110, 8];

export function Curve(props: { lines: readonly Line[]; at: number; log?: boolean; label: string; from: string; to: string }) {
  const { lines, at, log = false, label, from, to } = props;
  const scaled = (value: number) => (log ? Math.log10(Math.max(value, 1e-3)) : value);
  const every = lines.flatMap(({ values }) => values.map(scaled));
  const [least, most] = [Math.min(...every), Math.max(...every)];
  const y = (value: number) => HEIGHT - EDGE - ((scaled(value) - least) / (most - least || 1)) * (HEIGHT - 2 * EDGE);
  const x = (index: number, count: number) => EDGE + (index / Math.max(1, count - 1)) * (WIDTH - 2 * EDGE);
  return (
    <figure class="curve">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
        {lines.map(({ name, values }, number) => (
          <polyline
            key={name}
            class={`line-${number}`}
            points={values.map((value, index) => `${x(index, values.length)},${y(value)}`).join(" ")}
          />
        ))}
        {lines.map(({ name, values }, number) => {
          const index = Math.round(at * (values.length - 1));
          const value = values[index];
          return value === undefined ? null : (
            // A line of no length, whose ends are round however wide the curve is drawn.
            <path key={name} class={`line-${number}`} d={`M${x(index, values.length)} ${y(value)}h.001`} />
          );
        })}
      </svg>
      <figcaption class="muted">
        <span>{from}</span>
        <span class="names">
          {lines.map(({ name }, number) => (
            <span key={name} class={`name-${number}`}>
              {name}
            </span>
          ))}
        </span>
        <span>{to}</span>
      </figcaption>
    </figure>
  );
}
