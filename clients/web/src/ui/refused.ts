/** What the server says wherever it refuses, in the languages that it does not speak. */
import { learn, type Sentences, type Values } from "./said";

/** By what kind of problem it is, where the server says no more. */
const problems: Sentences = {
  "not-found": () => "không tìm thấy; có lẽ nó đã bị xóa",
  "no-worker": () => "không có máy tạo ảnh nào đang chạy làm được việc này",
  "admin-only": () => "chỉ thiết bị của người quản trị, hoặc chính máy chủ, mới làm được",
  "internal-error": () => "máy chủ gặp sự cố; nhật ký của nó ghi lý do",
  "redis-unavailable": () => "hàng đợi tạm thời không trả lời",
  "redis-full": () => "bộ nhớ của hàng đợi đã đầy: hãy xóa bớt ảnh, hoặc nhờ chủ máy chủ cho thêm bộ nhớ",
  "redis-disk-full": () => "hàng đợi tạm thời không ghi được xuống đĩa",
  "store-unavailable": () => "kho ảnh không trả lời",
  "too-many-pictures": () => "máy chủ đang xử lý nhiều ảnh hết mức",
  "too-many-streams": () => "máy chủ đang có nhiều kết nối hết mức",
  busy: () => "máy chủ đang xem nhiều mô hình hết mức; hãy thử lại sau giây lát",
  "no-answer": () => "máy tạo ảnh không trả lời kịp; hãy thử lại",
  "no-tls": () => "máy chủ này chỉ nói http thường: hãy khởi động nó với TLS=true",
  "wrong-token": () => "mã này không đúng, hoặc không còn dùng được",
  "bad-signature": () => "địa chỉ này không còn dùng được; hãy mở lại ảnh",
  deleted: () => "việc này đã bị xóa",
  "too-many-uploads": () => "máy chủ đang nhận nhiều tệp hết mức",
  favourites: () => "mục yêu thích không có tên riêng",
  "request-timeout": () => "yêu cầu đến quá chậm",
  "request-entity-too-large": () => "yêu cầu quá lớn",
};

const vi: Sentences = {
  "queue-full": ({ limit }: Values) => `hàng đợi đã đầy: ${limit} việc đang chờ, đó là giới hạn`,
  "quota-queued": ({ limit, left }: Values) => `mỗi người được chờ nhiều nhất ${limit} việc; còn ${left}`,
  "quota-in-flight": ({ limit, left }: Values) => `mỗi người được có nhiều nhất ${limit} ảnh chưa xong; còn ${left}`,
  "quota-in-flight-total": ({ limit, left }: Values) => `mọi người được có nhiều nhất ${limit} ảnh chưa xong; còn ${left}`,
  "quota-day": ({ limit, left }: Values) => `mỗi người được tạo nhiều nhất ${limit} ảnh một ngày; còn ${left}`,
  "quota-day-total": ({ limit, left }: Values) => `mọi người được tạo nhiều nhất ${limit} ảnh một ngày; còn ${left}`,
  "limit-in-flight": ({ limit }: Values) => `nhiều nhất ${limit}: mỗi người chỉ được có chừng ấy ảnh chưa xong`,
  "limit-in-flight-total": ({ limit }: Values) => `nhiều nhất ${limit}: mọi người chỉ được có chừng ấy ảnh chưa xong`,
  "limit-day": ({ limit }: Values) => `nhiều nhất ${limit}: mỗi người chỉ được tạo chừng ấy ảnh một ngày`,
  "limit-day-total": ({ limit }: Values) => `nhiều nhất ${limit}: mọi người chỉ được tạo chừng ấy ảnh một ngày`,
  "quota-requests": ({ limit }: Values) => `mỗi phút chỉ được hỏi máy chủ ${limit} lần`,
  "quota-requests-total": ({ limit }: Values) => `mỗi phút mọi người chỉ được hỏi máy chủ ${limit} lần`,
  "too-many-tries": ({ tries, seconds }: Values) => `đã sai ${tries} lần; hãy thử lại sau ${seconds} giây`,
  "too-many-styles": ({ most }: Values) => `đã có ${most} phong cách, không giữ thêm được nữa`,
  "no-sign": () => "phải có ít nhất một ký tự",
  "no-job": () => "việc này không còn nữa",
  "no-such-picture": () => "ảnh này không còn nữa",
  "picture-in-use": () => "ảnh này là ảnh gốc của một việc: hãy xóa việc đó",
  "job-not-ended": () => "việc tạo ảnh này chưa xong: hãy hủy, hoặc chờ cho xong",
  "no-worker-yet": () => "chưa có máy tạo ảnh nào khởi động, nên chưa biết có mô hình nào",
  "already-runs": () => "việc này đã bắt đầu, nên không còn chỗ trong hàng",
  "already-ended": () => "việc này đã kết thúc, nên không còn chỗ trong hàng",
  "other-lane": () => "việc kia chờ một mô hình khác hoặc mức ưu tiên khác, nên hai việc không chung một hàng",
  "other-not-waiting": () => "việc kia không còn chờ",
};

learn({ vi: { ...problems, ...vi } });
