import { words } from "./i18n";
import { Door } from "./door/Door";
import { Gallery } from "./gallery/Gallery";
import { Jobs } from "./jobs/Jobs";
import { Make } from "./make/Make";
import { Welcome } from "./make/Welcome";
import { connection, me } from "./state/live/connection";
import { collecting, comparing, gridShown, linking, picking } from "./state/page/overlays";
import { go, route, type Place } from "./state/page/route";
import { Icon, type IconName } from "./ui/Icon";
import { later } from "./ui/later";
import { Toasts } from "./ui/sheets/Toasts";
import "./ui/theme";

const t = words("App", {
  en: {
    make: "Make",
    gallery: "Gallery",
    models: "Models",
    anatomy: "Anatomy",
    server: "Server",
    places: "Places",
    offline: "No connection to the server. It is tried again by itself; what you send now goes out then.",
  },
  vi: {
    make: "Tạo ảnh",
    gallery: "Thư viện",
    models: "Mô hình",
    anatomy: "Giải phẫu",
    server: "Máy chủ",
    places: "Các trang",
    offline: "Mất kết nối với máy chủ. Trang tự kết nối lại; những gì bạn gửi bây giờ sẽ được gửi đi sau.",
  },
});

const PLACES: readonly [Place, IconName][] = [
  ["make", "make"],
  ["gallery", "gallery"],
  ["models", "models"],
  ["anatomy", "anatomy"],
  ["server", "server"],
];

/** Few look at it, and it is not small. */
const Models = later(async () => (await import("./models/Models")).Models);

/** For those who want to know how it works. */
const Anatomy = later(async () => (await import("./anatomy/Anatomy")).Anatomy);

/** Looked at now and then. */
const Server = later(async () => (await import("./server/Server")).Server);

/** For a screen on the wall. */
const Show = later(async () => (await import("./show/Show")).Show);

/** What comes up over a picture when it is asked for. */
const AlbumSheet = later(async () => (await import("./albums/AlbumSheet")).AlbumSheet, () => (collecting.value = null));
const LinkSheet = later(async () => (await import("./links/LinkSheet")).LinkSheet, () => (linking.value = null));
const HistorySheet = later(async () => (await import("./presets/HistorySheet")).HistorySheet, () => (picking.value = null));
const PresetSheet = later(async () => (await import("./presets/PresetSheet")).PresetSheet, () => (picking.value = null));
const GridSheet = later(async () => (await import("./grids/GridSheet")).GridSheet, () => (picking.value = null));
const WholeGrid = later(async () => (await import("./grids/WholeGrid")).WholeGrid, () => (gridShown.value = null));
const Compare = later(async () => (await import("./compare/Compare")).Compare, () => (comparing.value = null));

function Overlays() {
  return (
    <>
      {collecting.value && <AlbumSheet images={collecting.value} />}
      {linking.value && <LinkSheet output={linking.value} />}
      {picking.value === "history" && <HistorySheet />}
      {picking.value === "presets" && <PresetSheet />}
      {picking.value === "grid" && <GridSheet />}
      {gridShown.value && <WholeGrid id={gridShown.value} />}
      {comparing.value && <Compare pair={comparing.value} />}
    </>
  );
}

export function App() {
  const pairing = location.pathname === "/pair";
  if (pairing || connection.value === "locked") return <Door />;
  if (location.pathname === "/show") return me.value && <Show />;
  const { place } = route.value;
  return (
    <>
      <header class="bar">
        <img src={`${import.meta.env.BASE_URL}logo.svg`} alt="" width="32" height="32" />
        <h1>Darkroom</h1>
        <nav aria-label={t("places")}>
          {PLACES.map(([each, icon]) => (
            <a
              key={each}
              href={`#/${each}`}
              aria-current={each === place ? "page" : undefined}
              onClick={(event) => {
                event.preventDefault();
                go(each);
              }}
            >
              <Icon name={icon} />
              <span>{t(each)}</span>
            </a>
          ))}
        </nav>
      </header>
      <p class="connection" role="status">
        {connection.value === "offline" && t("offline")}
      </p>
      <main class={place}>
        {place === "make" && (
          <>
            <Make />
            <Jobs welcome={<Welcome />} />
          </>
        )}
        {place === "gallery" && <Gallery />}
        {place === "models" && <Models />}
        {place === "anatomy" && <Anatomy />}
        {place === "server" && <Server />}
      </main>
      <Overlays />
      <Toasts />
    </>
  );
}
