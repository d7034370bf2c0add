import { words } from "../../i18n";

export const t = words("make/blocks", {
  en: {
    help: "How much of a LoRA acts in which part of the network: what is drawn takes shape on the way down and in the middle, style and detail on the way up.",
    base: "Reading the words (BASE)",
    down: "On the way down (IN)",
    middle: "In the middle (MID)",
    up: "On the way up (OUT)",
    several: "several",
    each: "Block by block",
  },
  vi: {
    help: "LoRA tác động mạnh đến đâu ở từng phần của mạng: hình dạng thành hình ở chặng xuống và ở giữa, phong cách và chi tiết ở chặng lên.",
    base: "Khi đọc lời (BASE)",
    down: "Chặng xuống (IN)",
    middle: "Ở giữa (MID)",
    up: "Chặng lên (OUT)",
    several: "khác nhau",
    each: "Từng khối",
  },
});
