/** Two of a list, each to be chosen. */
export interface Named {
  name: string;
  title: string;
}

export function Pair(props: { label: string; all: readonly Named[]; two: readonly string[]; choose(two: string[]): void }) {
  const { label, all, two, choose } = props;
  return (
    <div class="row">
      {two.map((chosen, index) => (
        <label key={index}>
          {label} {index + 1}
          <select
            value={chosen}
            onChange={(event) => {
              const value = event.currentTarget.value;
              choose(two.map((each, place) => (place === index ? value : each)));
            }}
          >
            {all.map((each) => (
              <option key={each.name} value={each.name}>
                {each.title}
              </option>
            ))}
          </select>
        </label>
      ))}
    </div>
  );
}
