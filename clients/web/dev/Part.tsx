import type { ComponentChildren } from "preact";

/** Each has a place of one size, so that a change in one moves no other. */
export function Part({ name, high, children }: { name: string; high: number; children: ComponentChildren }) {
  return (
    <section class="part" data-part={name} style={{ height: `${high}px` }}>
      <h2>{name}</h2>
      {children}
    </section>
  );
}
