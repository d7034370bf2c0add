import { words } from "../i18n";

export const t = words("show", {
  en: {
    show: "Big screen",
    title: "The newest pictures",
    empty: "Pictures appear here as they are made.",
    untitled: "A picture without words",
    everybody: "Everybody's",
    mine: "Mine",
    whose: "Whose pictures",
    words: "Words",
    whole: "Fill the screen",
    back: "Back to the gallery",
  },
  vi: {
    show: "Màn hình lớn",
    title: "Những ảnh mới nhất",
    empty: "Ảnh sẽ hiện ra ở đây ngay khi được tạo.",
    untitled: "Ảnh không có mô tả",
    everybody: "Của mọi người",
    mine: "Của tôi",
    whose: "Ảnh của ai",
    words: "Mô tả",
    whole: "Phủ kín màn hình",
    back: "Về thư viện",
  },
});
