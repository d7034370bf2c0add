/** What the server says of what it did otherwise than asked, in the languages that it does not speak. */
import { learn, type Sentences, type Values } from "../../ui/said";

const vi: Sentences = {
  "read-as-text": ({ model, sign }: Values) => `mô hình ${model} chạy nguyên một quy trình nên đọc \`${sign}\` như chữ thường`,
  "and-as-word": () => "AND chỉ nối lời mô tả, không nối phần không muốn có; ở đây nó được đọc như một từ",
  "not-made-nearest": ({ asked, nearest }: Values) => `ở đây không có ${asked}; gần nhất là ${nearest}`,
  "not-made-own": ({ asked, sampler }: Values) => `ở đây không có ${asked}; dùng lịch nhiễu riêng của ${sampler}`,
  "not-taken-nearest": ({ asked, sampler, nearest }: Values) => `${sampler} không theo ${asked}; gần nhất là ${nearest}`,
  "not-taken-own": ({ asked, sampler }: Values) => `${sampler} không theo ${asked}; dùng lịch nhiễu riêng của nó`,
  "drawn-at": ({ model, at, finished, upscaler }: Values) => `${model} vẽ ở cỡ ${at}; được đưa về ${finished} bằng ${upscaler}.`,
  "only-enlarged": ({ model, sizes }: Values) => `Chỉ phóng to, không vẽ lại: ${model} chỉ vẽ đẹp ở cỡ ${sizes}.`,
  "wordings-kept": () => "các từ được dùng như đã gửi; nếu chọn lại bây giờ với hạt giống và tệp này thì sẽ khác",
  "list-as-text": ({ name, folder }: Values) => `\`${name}\` được đọc như chữ thường: không có danh sách từ nào trong ${folder}/`,
};

learn({ vi });
