/** Line icons of 24 by 24. */
const PATHS = {
  make: "M4 20l10-10M13 5l1.5-1.5M18.5 9.5L20 11M9 4l.5 2M19 15l1 .5M14 4v2M20 6l-6 6",
  gallery: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.5h.01",
  models: "M12 3.5l7.5 4.2v8.6L12 20.5l-7.5-4.2V7.7zM4.5 7.7l7.5 4.2 7.5-4.2M12 12v8.5",
  server: "M4 4h16v6H4zM4 14h16v6H4zM8 7h.01M8 17h.01",
  anatomy: "M3 12h3l2-6 3 13 3-10 2 6 2-3h3",
  play: "M7 5l11 7-11 7z",
  close: "M6 6l12 12M18 6L6 18",
  back: "M15 5l-7 7 7 7",
  forward: "M9 5l7 7-7 7",
  settings: "M4 7h10M18 7h2M4 17h2M10 17h10M16 4.5v5M8 14.5v5",
  camera: "M4 8h4l2-3h4l2 3h4v11H4zM12 16.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4",
  dice: "M5 5h14v14H5zM9 9h.01M15 15h.01M12 12h.01M15 9h.01M9 15h.01",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  unlock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 6.8-1.2",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  again: "M19 12a7 7 0 1 1-2-5M19 4v4h-4",
  vary: "M4 7h4l8 10h4M4 17h4l2.5-3M14 9.5L16 7h4M18 5l2 2-2 2M18 15l2 2-2 2",
  copy: "M9 9h11v11H9zM15 9V4H4v11h5",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  share: "M12 15V4M8 8l4-4 4 4M6 12v8h12v-8",
  trash: "M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13",
  brush: "M20 4L10 14M9.5 14.5c-2-1-4.5.5-4.5 5 3.5.5 6-1 5.5-4",
  lasso: "M12 4c5 0 8 2.2 8 5.2s-3 5.3-8 5.3-8-2.300-8-5.300S7 4 12 4zM7.500 13.600c-1.500 1-1.800 2.800-.4 3.600 1.400.8 2.900-.2 2.400-1.600M8.500 17.500c0 1.500-.7 2.500-2 3",
  fill: "M11 3l8 8-7.5 7.5a2 2 0 0 1-2.800 0L4.200 14a2 2 0 0 1 0-2.800L11 4.500M4 12.500h14M20.500 15c1 1.500 1.500 2.500 1.500 3.300a1.500 1.500 0 0 1-3 0c0-.8.500-1.800 1.500-3.300z",
  eyedropper: "M4 20l1-4L14 7l3 3-9 9zM13 6l5 5M15.500 4.500a2.100 2.100 0 0 1 3 0l1 1a2.100 2.100 0 0 1 0 3L18 10l-4-4z",
  style: "M12 4a8 8 0 1 0 0 16c1.500 0 2-1 1.500-2-.7-1.500.2-2.500 1.500-2.500H18c1.200 0 2-1 2-2.500a8 8 0 0 0-8-9zM8 10h.01M12 8h.01M16 10h.01M7.500 14h.01",
  star: "M12 4l2.500 5.100 5.500.8-4 3.900 1 5.600-5-2.700-5 2.700 1-5.600-4-3.900 5.500-.8z",
  album: "M4 7h6l2 2.500h8V19H4zM4 7V5h6",
  compare: "M12 3v18M4 6h5v12H4M15 6h5v12h-5M6.500 12H4M20 12h-2.500",
  select: "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 17.500l2.200 2.200 4-4.400",
  filter: "M4 6h16M7 12h10M10 18h4",
  link: "M10 14a4 4 0 0 0 5.700 0l3-3a4 4 0 0 0-5.700-5.700l-1 1M14 10a4 4 0 0 0-5.700 0l-3 3a4 4 0 0 0 5.700 5.700l1-1",
  clock: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4.500l3 2",
  bell: "M6 16V11a6 6 0 0 1 12 0v5l1.500 2h-15zM10.500 20.500h3",
  eraser: "M10 19H6l-2.5-3 9-10 6 5.5L11 19zM9 10l5.5 5.5M10 19h10",
  undo: "M9 6L4 11l5 5M4 11h10a5 5 0 0 1 0 10h-2",
  redo: "M15 6l5 5-5 5M20 11H10a5 5 0 0 0 0 10h2",
  invert: "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16",
  hand: "M7 12V7.5a1.5 1.5 0 0 1 3 0V11V5.5a1.5 1.5 0 0 1 3 0V11V6.5a1.5 1.5 0 0 1 3 0V13V9.5a1.5 1.5 0 0 1 3 0V15c0 3.5-2.5 6-6 6s-5-2-7-5l-2-3.5c1-1 2-1 3 .5z",
  seen: "M2.5 12s3.500-6 9.500-6 9.500 6 9.500 6-3.500 6-9.500 6-9.500-6-9.500-6zM12 14.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5z",
  unseen: "M4 4l16 16M9.500 6.400A10 10 0 0 1 12 6c6 0 9.500 6 9.500 6a17 17 0 0 1-3 3.500M6 8a17 17 0 0 0-3.500 4s3.500 6 9.500 6a10 10 0 0 0 3.500-.600",
  up: "M12 19V6M6 12l6-6 6 6",
  unfold: "M6 9l6 6 6-6",
  down: "M12 5v13M6 12l6 6 6-6",
  top: "M5 4h14M12 20V9M6 15l6-6 6 6",
  wand: "M4 20L14.500 9.500M12.500 7.500l4 4 3-3-4-4zM7 4v4M5 6h4M18 15v4M16 17h4",
  search: "M10.5 17a6.5 6.5 0 1 1 0-13 6.5 6.5 0 0 1 0 13zM15.5 15.5L20 20",
  check: "M5 12.5l5 5L19 7",
  expand: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  phone: "M8 3h8v18H8zM11 18h2",
  grid: "M4 4h16v16H4zM4 9.3h16M4 14.7h16M9.3 4v16M14.7 4v16",
  screen: "M3 5h18v12H3zM9 21h6M12 17v4",
  edit: "M5 19l1-4L16 5l3 3L9 18zM14 7l3 3",
} as const;

export type IconName = keyof typeof PATHS;

/** Those that point along the line of writing. */
const TURNED: ReadonlySet<IconName> = new Set(["back", "forward", "undo", "redo"]);

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class={TURNED.has(name) ? "icon turns" : "icon"} viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
