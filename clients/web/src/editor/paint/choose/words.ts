import { words } from "../../../i18n";

export const t = words("editor/choose", {
  en: {
    word: "What should change",
    wordHint: "A word or two in English, such as hat; commas between several things.",
    tapHint: "Tap what should change.",
    find: "Choose it",
    looking: "Looking at the picture… The first look takes longest.",
    lookingFor: (said: string) => `Looking for “${said}”…`,
    none: (said: string) => `Nothing was found for “${said}”. Take more, or say it in another way.`,
    nothing: "Nothing was found. Tap elsewhere, or paint it.",
    adds: "This",
    takes: "Not this",
    how: "What a tap says",
    more: "How much counts",
  },
  vi: {
    word: "Phần cần thay đổi",
    wordHint: "Một hai từ tiếng Anh, chẳng hạn hat; dấu phẩy giữa nhiều thứ.",
    tapHint: "Chạm vào thứ cần thay đổi.",
    find: "Chọn",
    looking: "Đang xem ảnh… Lần đầu lâu nhất.",
    lookingFor: (said: string) => `Đang tìm “${said}”…`,
    none: (said: string) => `Không tìm thấy “${said}”. Hãy lấy rộng hơn, hoặc nói cách khác.`,
    nothing: "Không tìm thấy gì. Hãy chạm chỗ khác, hoặc tô bằng cọ.",
    adds: "Cái này",
    takes: "Không phải cái này",
    how: "Chạm nghĩa là",
    more: "Lấy rộng hay hẹp",
  },
});
