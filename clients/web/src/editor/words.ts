import { number, words } from "../i18n";

export const t = words({
  en: {
    paintTitle: "Paint what should change",
    growTitle: "Extend the picture",
    close: "Close",
    done: "Done",
    leave: "Leave without keeping this?",
    leaveText: "What you changed here would be gone.",
    stay: "Keep working",
    away: "Leave",
    lost: "The picture could not be loaded. Close this and choose it again.",

    zoomIn: "Zoom in",
    zoomOut: "Zoom out",
    whole: (percent: number) => `${number(percent)} %, show the whole picture`,
    percent: (percent: number) => `${number(percent)} %`,

    stage: "The picture, to paint on",
    keys:
      "Arrow keys move the brush, with Shift in large steps. Space paints a dot; hold it while you move to paint a line. " +
      "B is the brush, E the eraser, the square brackets change its size, I inverts, plus and minus zoom, 0 shows the whole picture. " +
      "Control Z undoes, Control Y redoes.",
    at: (x: number, y: number) => `Brush at ${number(x)} % from the left, ${number(y)} % from the top.`,
    hint: "Paint with a finger over what should change. Two fingers zoom and move.",
    share: (percent: number) =>
      percent < 1 ? "Less than 1 % of the picture is repainted." : `${number(percent)} % of the picture is repainted.`,

    tools: "Tools",
    brush: "Brush",
    eraser: "Eraser",
    hand: "Move the picture",
    undo: "Undo",
    redo: "Redo",
    invert: "Repaint the rest instead",
    clear: "Clear all",
    size: "Size",
    feather: "Soft edge",
    level: "How strongly",
    grey: "Where it is painted lightly",
    "grey-strength": "it changes less",
    "grey-mix": "the old picture shows through",
    "grey-cut": "half or more counts as all",
    pixels: (pixels: number) => `${number(pixels)} px`,

    frame: "The picture and what is added to it. The fields below do the same as dragging.",
    drag: "Drag an edge or a corner outward.",
    becomes: (from: string, to: string) => `${from} becomes ${to} pixels.`,
    full: (size: string) => `The picture is as large as this server makes any: ${size} pixels.`,
    add: "Pixels to add",
    left: "Left",
    top: "Top",
    right: "Right",
    bottom: "Bottom",
    steps: (factor: number) => `Sizes go in steps of ${number(factor)} pixels.`,
    reset: "Start over",
  },
  vi: {
    paintTitle: "Tô phần cần vẽ lại",
    growTitle: "Mở rộng ảnh",
    close: "Đóng",
    done: "Xong",
    leave: "Thoát mà không giữ lại?",
    leaveText: "Những thay đổi ở đây sẽ mất.",
    stay: "Làm tiếp",
    away: "Thoát",
    lost: "Không tải được ảnh. Hãy đóng lại rồi chọn ảnh lần nữa.",

    zoomIn: "Phóng to",
    zoomOut: "Thu nhỏ",
    whole: (percent: number) => `${number(percent)} %, xem cả ảnh`,
    percent: (percent: number) => `${number(percent)} %`,

    stage: "Ảnh để tô lên",
    keys:
      "Các phím mũi tên di chuyển cọ, giữ Shift để đi bước lớn. Phím cách tô một chấm; giữ phím cách khi di chuyển để tô một nét. " +
      "B là cọ, E là tẩy, hai phím ngoặc vuông đổi cỡ cọ, I đảo vùng tô, phím cộng và trừ để phóng to thu nhỏ, 0 để xem cả ảnh. " +
      "Control Z hoàn tác, Control Y làm lại.",
    at: (x: number, y: number) => `Cọ ở ${number(x)} % từ bên trái, ${number(y)} % từ trên xuống.`,
    hint: "Dùng ngón tay tô lên phần cần thay đổi. Dùng hai ngón để phóng to và di chuyển.",
    share: (percent: number) =>
      percent < 1 ? "Chưa đến 1 % ảnh được vẽ lại." : `${number(percent)} % ảnh được vẽ lại.`,

    tools: "Công cụ",
    brush: "Cọ",
    eraser: "Tẩy",
    hand: "Di chuyển ảnh",
    undo: "Hoàn tác",
    redo: "Làm lại",
    invert: "Vẽ lại phần còn lại",
    clear: "Xóa hết",
    size: "Cỡ cọ",
    feather: "Viền mềm",
    level: "Độ mạnh",
    grey: "Chỗ tô nhạt",
    "grey-strength": "thay đổi ít hơn",
    "grey-mix": "ảnh cũ hiện qua",
    "grey-cut": "từ một nửa trở lên tính là tất cả",
    pixels: (pixels: number) => `${number(pixels)} px`,

    frame: "Ảnh và phần được thêm vào. Các ô số bên dưới cho kết quả như khi kéo.",
    drag: "Kéo một cạnh hoặc một góc ra ngoài.",
    becomes: (from: string, to: string) => `${from} thành ${to} pixel.`,
    full: (size: string) => `Ảnh đã lớn nhất mà máy chủ này tạo được: ${size} pixel.`,
    add: "Số pixel thêm vào",
    left: "Trái",
    top: "Trên",
    right: "Phải",
    bottom: "Dưới",
    steps: (factor: number) => `Kích thước đổi theo từng bước ${number(factor)} pixel.`,
    reset: "Làm lại từ đầu",
  },
});
