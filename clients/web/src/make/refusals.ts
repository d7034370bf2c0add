/** What the server says of a request's fields, in the languages that it does not speak. */
import { learn, type Sentences, type Values } from "../ui/said";

const COLOURS: Record<string, string> = { white: "trắng", black: "đen" };
const PARTS: Record<string, string> = { LoRA: "LoRA", ControlNet: "ControlNet", autoencoder: "bộ mã hóa", upscaler: "bộ phóng to", "face restorer": "bộ phục hồi khuôn mặt" };

/** `there are a, b` or `there is none`. */
function thereAre(text: unknown): string {
  const list = String(text).replace(/^there are:? /, "");
  return list === "there is none" || list === "none" ? "hiện không có cái nào" : `hiện có ${list}`;
}

const vi: Sentences = {
  "words-or-points": () => "phải có `words` hoặc `points`",
  "no-words": () => "hãy nói phần cần thay đổi",
  "many-things": ({ most, count }: Values) => `nhiều nhất ${most} thứ; hiện có ${count}`,
  "no-positive-point": () => "phải có ít nhất một chỗ được chọn",
  "no-segmenter": () => "máy chủ này không còn mô hình tìm phần ảnh như vậy",
  "unknown-segmenter": ({ name, names }: Values) => `không có mô hình tìm phần ảnh ${name}; ${thereAre(names)}`,
  "goes-by-other": ({ name, task, by }: Values) => `${name} nhận ${task}, không nhận ${by}`,
  "one-place": () => "phải có một trong `to`, `before` và `after`",
  required: () => "bắt buộc phải có",
  "too-long": ({ most, has }: Values) => `nhiều nhất ${most} ký tự; hiện có ${has}`,
  "too-short": ({ least, has }: Values) => `ít nhất ${least} ký tự; hiện có ${has}`,
  "not-whole": ({ given }: Values) => `phải là số nguyên; hiện là ${given}`,
  "no-number": ({ given }: Values) => `phải là một con số; hiện là ${given}`,
  "not-above": ({ limit, given }: Values) => `phải lớn hơn ${limit}; hiện là ${given}`,
  below: ({ limit, given }: Values) => `phải từ ${limit} trở lên; hiện là ${given}`,
  "not-below": ({ limit, given }: Values) => `phải nhỏ hơn ${limit}; hiện là ${given}`,
  above: ({ limit, given }: Values) => `nhiều nhất là ${limit}; hiện là ${given}`,
  "above-for-model": ({ limit, model, given }: Values) => `mô hình ${model} nhận nhiều nhất ${limit}; hiện là ${given}`,
  "side-too-short": ({ least, size }: Values) => `không cạnh nào được ngắn hơn ${least} pixel; ảnh sẽ là ${size}`,
  "side-too-long": ({ most, size }: Values) => `không cạnh nào được dài hơn ${most} pixel; ảnh sẽ là ${size}`,
  "too-many-pixels": ({ most, has }: Values) => `ảnh được nhiều nhất ${most} pixel; ảnh này sẽ có ${has}`,
  kinds: ({ model, kinds }: Values) => `mô hình ${model} chỉ làm được: ${kinds}`,
  "says-no-change": () => "hãy viết điều cần sửa",
  "says-nothing": () => "hãy viết điều muốn vẽ",
  "no-image": () => "hãy chọn một ảnh để bắt đầu",
  "no-mask": () => "hãy tô lên phần cần vẽ lại",
  "empty-mask": ({ colour }: Values) => `không có chỗ nào màu ${COLOURS[colour!] ?? colour}, nên không có gì để vẽ lại`,
  "no-choice": ({ choices, given }: Values) => `phải là ${choices}; hiện là ${given}`,
  "no-field": () => "không phải là một mục của yêu cầu này",
  "too-many": ({ most, has }: Values) => `nhiều nhất ${most} mục; hiện có ${has}`,
  "too-few": ({ least, has }: Values) => `ít nhất ${least} mục; hiện có ${has}`,
  "follows-from-picture": ({ value, asked }: Values) => `theo ảnh thì phải là ${value}, không phải ${asked}; hãy để trống`,
  "no-picture": ({ formats }: Values) => `phải là một ảnh ${formats}`,
  "picture-damaged": () => "không đọc được ảnh này; có lẽ tệp đã hỏng",
  "picture-too-many-pixels": ({ most }: Values) => `ảnh được nhiều nhất ${most} pixel; ảnh này có nhiều hơn`,
  "picture-of-many-pixels": ({ most, size, has }: Values) => `ảnh được nhiều nhất ${most} pixel; ảnh này là ${size}, tức ${has}`,
  "file-too-large": ({ most, has }: Values) => `tệp được nhiều nhất ${most} byte; tệp này có ${has}`,
  "file-larger": ({ most }: Values) => `tệp được nhiều nhất ${most} byte; tệp này có nhiều hơn`,
  "picture-url": () => "là một địa chỉ; máy chủ không tự tải ảnh về: hãy gửi chính ảnh đó",
  "picture-gone": () => "ảnh này không còn nữa",
  "no-edges": () => "hãy thêm ít nhất một pixel ở một cạnh",
  "no-face-restorer": () => "máy chủ này không có bộ phục hồi khuôn mặt nào",
  "too-many-loras": ({ most, has }: Values) => `nhiều nhất ${most} LoRA, kể cả trong mô tả; hiện có ${has}`,
  "unknown-part": ({ what, model, name, there_are }: Values) =>
    `mô hình ${model} không có ${PARTS[what!] ?? what} nào tên ${name}; ${thereAre(there_are)}`,
  samplers: ({ model, samplers }: Values) => `mô hình ${model} chỉ nhận ${samplers}`,
  "no-multiple": ({ factor, model, nearest }: Values) => `phải là bội của ${factor} với mô hình ${model}; gần nhất là ${nearest}`,
  "whole-pipeline": ({ model }: Values) => `mô hình ${model} chạy nguyên một quy trình nên không nhận tùy chọn này`,
  "lora-tag-elsewhere": () => "có thẻ LoRA; LoRA tác động lên cả ảnh: hãy ghi nó vào /loras",
  "other-family": ({ what, name, family, models, model, its }: Values) =>
    `${PARTS[what!] ?? what} ${name} dành cho ${family} (${models}); mô hình ${model} là ${its}`,
  "no-control-type": ({ kinds }: Values) => `hãy cho biết ảnh thuộc loại nào: ${kinds}`,
  "ends-before": ({ start, end }: Values) => `phải từ lúc bắt đầu, ${start}, trở đi; hiện là ${end}`,
  "tunes-nothing": ({ preprocessor }: Values) => `không chỉnh gì ở ${preprocessor}`,
  "no-tiling": ({ model }: Values) => `mô hình ${model} không làm được họa tiết lặp; chỉ Stable Diffusion 1, 2 và XL làm được`,
  "no-unet": ({ model }: Values) => `chỉ tác động lên U-Net, mà mô hình ${model} không có`,
  "shown-its-own": ({ model }: Values) => `mô hình ${model} vốn đã tự nhìn vào ảnh mẫu nên không nhận tùy chọn này`,
  "takes-sampler": ({ takes, sampler }: Values) => `chỉ nhận bộ lấy mẫu ${takes}; hiện là ${sampler}`,
  blocked: () => "có từ mà chủ máy chủ này không cho dùng trong mô tả",
  "unknown-model": ({ name, there_are }: Values) => `không có mô hình nào tên ${name}; ${thereAre(there_are)}`,
};

learn({ en: {}, vi });
