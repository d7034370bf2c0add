/** What the server says of models that come and go: in English it does so by itself. */
import { bytes } from "../i18n";
import type { Values } from "../ui/said";

/** English for what is better said with sizes than with numbers of bytes. */
const en = {
  "too-large": (v: Values) => `It has ${size(v["bytes"])}, and ${size(v["free"])} are free on the server's disk.`,
  "disk-full": (v: Values) =>
    `The server's disk is full: ${size(v["bytes"])} are still to come, and ${size(v["free"])} may be taken.`,
  fits: (v: Values) => `It fits${turns(v, " by turns")}: its weights take ${gb(v["gb"])} of the ${gb(v["there"])} of ${v["device"]}.`,
  "fits-not": (v: Values) =>
    `It does not fit: its weights take ${gb(v["gb"])} of ${v["device"]} at least, the work ${gb(v["work"])}, and ${gb(v["there"])} are there.`,
  "fits-with": (v: Values) =>
    `With ${v["settings"]} in models.toml it fits${turns(v, " by turns")}: its weights take ${gb(v["gb"])} of the ${gb(v["there"])} of ${v["device"]}.` +
    (v["package"] ? ` That needs the package ${v["package"]}, which is not installed.` : ""),
};

const vi = {
  answers: (v: Values) => `${v["host"]} trả lời ${v["status"]}.`,
  "being-added": (v: Values) => `${v["name"]} đang được thêm rồi.`,
  "broke-off": (v: Values) => `Nguồn ngắt sau ${size(v["here"])} (${v["why"]}); có thể tiếp tục từ đó.`,
  "changed-there": (v: Values) =>
    `${v["name"]} giờ có ${size(v["bytes"])}, không phải ${size(v["before"])}: nguồn của nó đã thay đổi.`,
  "civitai-account": () => "Civitai chỉ cho người có tài khoản: hãy đặt khóa API vào CIVITAI_TOKEN.",
  "civitai-nothing": () => "Civitai không có tệp nào của nó.",
  "civitai-pickle": () =>
    "Civitai chỉ có nó ở dạng pickle, loại có thể chạy chương trình khi được mở; chỉ nhận tệp .safetensors.",
  "disk-full": (v: Values) =>
    `Đĩa của máy chủ đã đầy: còn phải nhận ${size(v["bytes"])}, mà chỉ được dùng ${size(v["free"])}.`,
  fits: (v: Values) =>
    `Vừa máy này${turns(v, " nếu nạp từng phần")}: trọng số chiếm ${gb(v["gb"])} trong ${gb(v["there"])} của ${v["device"]}.`,
  "fits-not": (v: Values) =>
    `Không vừa máy này: trọng số chiếm ít nhất ${gb(v["gb"])} của ${v["device"]}, việc vẽ cần ${gb(v["work"])}, mà chỉ có ${gb(v["there"])}.`,
  "fits-with": (v: Values) =>
    `Với ${v["settings"]} trong models.toml thì vừa máy này${turns(v, " nếu nạp từng phần")}: trọng số chiếm ${gb(v["gb"])} trong ${gb(v["there"])} của ${v["device"]}.` +
    (v["package"] ? ` Cần gói ${v["package"]}, hiện chưa được cài.` : ""),
  "goes-on": () => "Nó vẫn đang được thêm; hãy dừng trước.",
  "hub-offline": () => "HF_HUB_OFFLINE không cho máy chủ này lên Hugging Face.",
  "hub-terms": () =>
    "Hugging Face chỉ cho người đã đồng ý điều khoản: hãy đồng ý ở đó, rồi đặt mã truy cập vào HF_TOKEN.",
  "hub-unreachable": (v: Values) => `Không liên lạc được với Hugging Face (${v["why"]}).`,
  "hung-up": (v: Values) => `Nguồn ngắt sau ${size(v["here"])} trong ${size(v["bytes"])}; có thể tiếp tục từ đó.`,
  "is-default": (v: Values) => `${v["name"]} là mô hình mặc định; hãy đặt mô hình khác làm mặc định trước.`,
  "lies-there": (v: Values) => `Đã có ${v["name"]} ở đó; hãy đặt tên khác.`,
  "name-taken": (v: Values) => `Đã có thứ mang tên ${v["name"]}; hãy đặt tên khác.`,
  "no-answer": () => "Không máy xử lý nào trả lời kịp; hãy thử lại.",
  "no-civitai-page": (v: Values) => `${v["link"]} không phải trang của một mô hình trên Civitai, cũng không phải liên kết tải.`,
  "no-hub-model": (v: Values) => `${v["link"]} không phải mô hình nào của Hugging Face.`,
  "no-keeper": () => "Không máy xử lý nào đang chạy mà ghi được vào thư mục mô hình của nó, DATA/models.",
  "no-length": () => "Nguồn không ghi tệp có bao nhiêu byte, nên không xem trước được.",
  "no-safetensors": (v: Values) => `${v["name"]} không phải tệp safetensors.`,
  "no-source": (v: Values) =>
    `“${v["text"]}” không phải tên trên Hugging Face như stabilityai/sd-turbo, cũng không phải liên kết bắt đầu bằng https://.`,
  "no-such-file": (v: Values) => `${v["host"]} không có tệp đó.`,
  "no-upload": () => "Máy chủ không còn tệp đã gửi đó.",
  "no-weights": (v: Values) => `${v["id"]} không có tệp .safetensors nào.`,
  "not-https": () => "Liên kết phải bắt đầu bằng https://.",
  "not-on-hub": (v: Values) => `Hugging Face không có ${v["id"]}, hoặc HF_TOKEN không được xem nó.`,
  "not-ours": (v: Values) =>
    `${v["source"]} không nằm trong ${v["folder"]} nên được giữ nguyên; hãy tự xóa, hoặc dùng lệnh darkroom models remove.`,
  "not-there": (v: Values) => `Không có gì loại đó mang tên ${v["name"]}.`,
  "not-written": (v: Values) => `Không ghi được (${v["why"]}).`,
  "other-kind": (v: Values) => `Nó là ${v["kind"]}, không phải ${v["wanted"]}.`,
  pickle: (v: Values) => `${v["name"]} là tệp pickle, loại có thể chạy chương trình khi được mở; chỉ nhận tệp .safetensors.`,
  "pickles-only": (v: Values) =>
    `${v["id"]} chỉ có tệp pickle, loại có thể chạy chương trình khi được mở; chỉ nhận tệp .safetensors.`,
  pinned: (v: Values) => `${v["name"]} đang được giữ sẵn sàng; hãy thôi giữ trước.`,
  "private-address": (v: Values) =>
    `${v["host"]} dẫn đến một địa chỉ không thuộc mạng công cộng; người quản trị có thể cho phép bằng ${v["setting"]}.`,
  "refused-there": (v: Values) => `${v["host"]} không cho tải: nó trả lời ${v["status"]}.`,
  "several-files": (v: Values) => `${v["id"]} có nhiều tệp; hãy chọn một, như ${v["one"]}. Ở đó có ${v["names"]}.`,
  "switched-off": () => "Việc thêm từ nơi khác đã bị tắt trên máy chủ này.",
  "too-large": (v: Values) => `Nó có ${size(v["bytes"])}, mà đĩa của máy chủ chỉ còn trống ${size(v["free"])}.`,
  unreadable: (v: Values) => `Không đọc được ${v["host"]} (${v["why"]}).`,
  unresolved: (v: Values) => `Không tìm thấy ${v["host"]}: máy chủ có nối mạng không?`,
  "unresolved-in-time": (v: Values) => `Không tìm thấy ${v["host"]} trong ${v["seconds"]} giây.`,
  "upload-not-whole": (v: Values) => `Mới có ${size(v["here"])} trong ${size(v["bytes"])} của tệp đó.`,
  "wrong-sha256": (v: Values) => `${v["name"]} không phải tệp đúng: sha256 là ${v["found"]}, không phải ${v["wanted"]}.`,
  "wrong-size": (v: Values) => `${v["name"]} có ${size(v["bytes"])}, không phải ${size(v["wanted"])}.`,
};

export const SENTENCES = { en, vi };

function size(count: string | number | undefined): string {
  return bytes(Number(count ?? 0));
}

function gb(count: string | number | undefined): string {
  return bytes(Number(count ?? 0) * 1e9);
}

function turns(values: Values, words: string): string {
  return values["offload"] ? words : "";
}
