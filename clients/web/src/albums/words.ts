import { words } from "../i18n";

export const t = words("albums", {
  en: {
    into: (count: number) => (count > 1 ? `Put ${count} pictures into an album` : "Put into an album"),
    favourites: "Favourites",
    pictures: (count: number) => (count === 1 ? "1 picture" : `${count} pictures`),
    newName: "New album",
    make: "Create",
    put: (name: string) => `Put into “${name}”.`,
    see: "See it",
  },
  vi: {
    into: (count: number) => (count > 1 ? `Cho ${count} ảnh vào album` : "Cho vào album"),
    favourites: "Yêu thích",
    pictures: (count: number) => `${count} ảnh`,
    newName: "Album mới",
    make: "Tạo",
    put: (name: string) => `Đã cho vào “${name}”.`,
    see: "Xem",
  },
});
