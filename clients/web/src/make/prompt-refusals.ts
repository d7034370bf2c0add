/** What the server says of prompts, places and lists of words, in the languages that it does not speak. */
import { learn, type Sentences, type Values } from "../ui/said";

const vi: Sentences = {
  "joined-beside-regions": () => "AND nối những lời mô tả không có vị trí; hãy bỏ AND hoặc bỏ các vùng",
  "box-or-mask": () => "phải có một khung hoặc một mặt nạ",
  "region-empty": () => "hãy viết điều muốn vẽ ở đó",
  "region-joined": () => "AND nối những lời mô tả không có vị trí; hãy cho mỗi lời một vùng riêng",
  "region-nowhere": () => "không có chỗ nào màu trắng nên không chỉ vào đâu cả",
  "region-beyond": ({ side, end }: Values) => `phải nằm trong ảnh; theo ${side === "width" ? "chiều ngang" : "chiều cao"} nó kết thúc ở ${end}`,
  "not-blended": () => "chỉ pha được những lời mô tả không đổi giữa các bước, không có AND và không có vùng",
  "one-prompt": () => "chỉ nhận một lời mô tả, mà ở đây có nhiều",
  "and-unguided": () => "AND nối các lời mô tả bằng độ bám, mà ở đây không có; hãy đặt độ bám lớn hơn 1",
  "and-too-many": ({ most, has }: Values) => `AND nối nhiều nhất ${most} lời mô tả; hiện có ${has}`,
  "and-too-heavy": ({ most, given }: Values) => `lời mô tả mà AND nối có trọng số lớn nhất là ${most}; hiện là ${given}`,
  "edits-too-deep": ({ most }: Values) => `các chỗ đổi lời giữa các bước lồng nhau nhiều nhất ${most} tầng`,
  "unknown-style": ({ name }: Values) => `không có phong cách nào tên ${name}`,
  "too-long-styled": ({ most, has }: Values) => `nhiều nhất ${most} ký tự; cùng với phong cách thì có ${has}`,
  "too-long-picked": ({ most, picture, has }: Values) => `nhiều nhất ${most} ký tự; ở ảnh ${picture} có ${has}`,
  "choice-elsewhere": () => "có lựa chọn hoặc danh sách từ; những thứ này chỉ dùng được trong lời mô tả chính",
  "bad-lora-tag": () => "tên LoRA dài nhất 200 ký tự và độ mạnh từ -4 đến 4",
  "tag-kind": ({ tag }: Values) => `\`${tag}\` là loại thẻ không dùng được ở đây; chỉ có lora và lyco`,
  "too-deep": ({ most }: Values) => `lựa chọn và danh sách từ lồng nhau nhiều nhất ${most} tầng`,
  "too-many-picks": ({ most }: Values) => `nhiều nhất ${most} lựa chọn và danh sách từ`,
  "too-much-picked": ({ most }: Values) => `những gì được chọn dài nhất ${most} ký tự`,
  weightless: ({ what }: Values) => `mọi trọng số của ${what} đều là 0`,
  "weightless-choice": () => "mọi trọng số của một lựa chọn đều là 0",
  variable: ({ sign }: Values) => `có biến ${sign}; ở đây không dùng được`,
  "wildcard-parameter": ({ name }: Values) => `\`${name}\` có tham số; ở đây không dùng được`,
  "choice-bounds": ({ low, high }: Values) => `một lựa chọn lấy ít nhất ${low} và nhiều nhất ${high}`,
  "no-list": ({ name, file }: Values) => `\`${name}\` cần tệp ${file}, mà tệp này không có`,
  "no-list-fits": ({ name, folder }: Values) => `\`${name}\` không khớp tệp nào trong ${folder}/`,
  "no-list-name": ({ name }: Values) => `\`${name}\` không phải là tên của một tệp`,
  "list-too-large": ({ file, most }: Values) => `${file} có hơn ${most} byte`,
  "list-unread": ({ file }: Values) => `không đọc được ${file}`,
  "list-empty": ({ file }: Values) => `${file} không có mục nào`,
};

learn({ vi });
