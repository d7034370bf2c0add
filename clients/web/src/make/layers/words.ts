import { words } from "../../i18n";

export const t = words("make/layers", {
  en: {
    layers: "Layers",
    help: "What each step added. Hide one or throw it away, then go on from what is shown.",
    first: "The first picture",
    step: (number: number) => `Step ${number}`,
    shown: (layer: string) => `${layer}: shown`,
    throwAway: (layer: string) => `Throw ${layer} off the canvas`,
    take: (at: number, of: number) => `Take ${at} of ${of}`,
    nextTake: (layer: string) => `${layer}: show another take`,
    goOn: "Go on from what is shown",
    canvas: "What is shown",
  },
  vi: {
    layers: "Các lớp",
    help: "Mỗi bước đã thêm một lớp. Hãy ẩn hoặc bỏ lớp nào đó, rồi tiếp tục từ những gì đang hiện.",
    first: "Ảnh đầu tiên",
    step: (number: number) => `Bước ${number}`,
    shown: (layer: string) => `${layer}: đang hiện`,
    throwAway: (layer: string) => `Bỏ ${layer} khỏi khung`,
    take: (at: number, of: number) => `Bản ${at} trong ${of}`,
    nextTake: (layer: string) => `${layer}: xem bản khác`,
    goOn: "Tiếp tục từ những gì đang hiện",
    canvas: "Những gì đang hiện",
  },
});
