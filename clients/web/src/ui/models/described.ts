/** What models are said to be good at, where the words came with the server. */
import { language } from "../../i18n";

/** By the English text: an owner who wrote another has that one everywhere. */
const VIETNAMESE: Readonly<Record<string, string>> = {
  'Small emoji-style pictures, in seconds on a CPU. End a prompt with ", 3d" or ", flat". Reads Vietnamese names as well.':
    'Ảnh nhỏ kiểu emoji, chỉ vài giây trên CPU. Kết thúc mô tả bằng ", 3d" hoặc ", flat". Hiểu cả tên tiếng Việt.',
};

/** A model's description in the user's language, as far as it is known in that. */
export function described({ description }: { description: string }): string {
  return (language.value === "vi" && VIETNAMESE[description]) || description;
}
