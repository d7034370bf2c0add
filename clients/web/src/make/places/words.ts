import { words } from "../../i18n";

export const t = words("make/places", {
  en: {
    help: "Draw a box where something is to be, and say what. The rest is left to the prompt.",
    frame: "The picture, with its places",
    box: (number: number, prompt: string) => `Place ${number}: ${prompt}`,
    empty: "nothing said yet",
    where: (left: number, top: number, width: number, height: number) =>
      `${left} % from the left, ${top} % from the top, ${width} % wide, ${height} % high`,
    keys: "Arrow keys move it, with Shift they change its size, Delete removes it.",
    add: "Add a place",
    what: (number: number) => `What is in place ${number}?`,
    place: (number: number) => `Place ${number}`,
    remove: (number: number) => `Remove place ${number}`,
    weight: "How much it says there",
    exactly: "Where exactly",
    left: "From the left, %",
    top: "From the top, %",
    width: "Width, %",
    height: "Height, %",
    masked: "Its place was painted elsewhere and stays as it is.",
  },
  vi: {
    help: "Hãy kẻ một khung ở chỗ cần có gì đó, rồi viết là gì. Phần còn lại theo lời bạn viết cho cả bức ảnh.",
    frame: "Bức ảnh với các chỗ của nó",
    box: (number: number, prompt: string) => `Chỗ ${number}: ${prompt}`,
    empty: "chưa viết gì",
    where: (left: number, top: number, width: number, height: number) =>
      `cách trái ${left} %, cách trên ${top} %, rộng ${width} %, cao ${height} %`,
    keys: "Phím mũi tên dời khung, kèm Shift thì đổi kích thước, Delete thì bỏ.",
    add: "Thêm một chỗ",
    what: (number: number) => `Có gì ở chỗ ${number}?`,
    place: (number: number) => `Chỗ ${number}`,
    remove: (number: number) => `Bỏ chỗ ${number}`,
    weight: "Nói mạnh đến đâu ở đó",
    exactly: "Vị trí chính xác",
    left: "Cách trái, %",
    top: "Cách trên, %",
    width: "Rộng, %",
    height: "Cao, %",
    masked: "Chỗ này đã được tô ở nơi khác và giữ nguyên.",
  },
});
