import { afterEach, describe, expect, it, vi } from "vitest";
import "./page";

const { directionOf } = await import("../src/i18n/direction");
const { IN_FILES, matching, nameOf } = await import("../src/i18n/files");
const { bytes, duration, LANGUAGES, language, listed, number, speak, words } = await import("../src/i18n");
const { told } = await import("../src/i18n/sentences");
const { filled } = await import("../src/i18n/template");
const { capital } = await import("../src/ui/sentence");

afterEach(() => speak("en"));

it("says a length of time in hours where it is hours", () => {
  expect([8, 600, 532 * 60, 7200].map(duration)).toEqual(["8 sec", "10 min", "8 hr 52 min", "2 hr"]);
});

describe("a template", () => {
  it("puts values in their places, and numbers as the language writes them", () => {
    expect(filled("{1}: {0}", ["a", 12345], "de")).toBe("12345: a");
    expect(filled("{0:n} Schritte", [12345], "de")).toBe("12.345 Schritte");
  });

  it("has a text for each plural of its language", () => {
    const jobs = { one: "{0} задание", few: "{0} задания", other: "{0} заданий" };
    expect([1, 3, 5].map((count) => filled(jobs, [count], "ru"))).toEqual(["1 задание", "3 задания", "5 заданий"]);
  });
});

describe("Arabic", () => {
  const pictures = words("albums", {
    en: { pictures: (count: number) => `${count} pictures` },
    vi: { pictures: (count: number) => `${count} ảnh` },
  });
  const plain = (text: string) => text.replace(/[\u2066-\u2069\u200e\u200f]/g, "");

  it("has a plural for none, one, two, some, many and hundreds", async () => {
    await speak("ar");
    const said = [0, 1, 2, 3, 10, 11, 99, 100, 103].map((count) => pictures("pictures", count));
    expect(said).toEqual(["لا صور", "صورة واحدة", "صورتان", "3 صور", "10 صور", "11 صورة", "99 صورة", "100 صورة", "103 صور"]);
    await vi.waitFor(() => expect(told("quota-queued", { limit: 2, left: 0 })).toContain("بمهمتين"));
    expect(told("quota-queued", { limit: 3, left: 0 })).toContain("3 مهام");
  });

  it("has the digits that its fields have", async () => {
    await speak("ar");
    expect([number(12345.5, 1), plain(bytes(2.1e9)), plain(duration(600))].join(" ")).toMatch(/^12,345\.5 2\.1\u00a0\S+ 10 \S+$/);
  });

  it("keeps a text of the other way together", async () => {
    expect(filled("حذف {0}؟", ["SD 1.5 (pruned)"], "ar")).toBe("حذف \u2068SD 1.5 (pruned)\u2069؟");
    expect(filled("Delete {0}?", ["SD 1.5 (pruned)"], "de")).toBe("Delete SD 1.5 (pruned)?");
    await speak("ar");
    expect(listed(["a", "b"])).toBe("\u2068a\u2069، \u2068b\u2069");
    await vi.waitFor(() => expect(told("name-taken", { name: "a (b)" })).toContain("\u2068a (b)\u2069"));
  });
});

describe("a language", () => {
  const there = ["en", "vi", "es", "zh-Hans", "ar"];

  it("is the one of the browser's tag, in the same script", () => {
    expect(["es-MX", "zh-CN", "zh-TW", "en-GB", "it", "no tag"].map((tag) => matching(tag, there))).toEqual(["es", "zh-Hans", null, "en", null, null]);
  });

  it("is written from the side that its script begins at", () => {
    expect(["ar", "he", "fa", "es", "zh-Hans"].map(directionOf)).toEqual(["rtl", "rtl", "rtl", "ltr", "ltr"]);
  });

  it("is called what it calls itself", () => {
    expect([nameOf("es"), nameOf("zh-Hans"), LANGUAGES.vi]).toEqual(["Español", "简体中文", "Tiếng Việt"]);
  });
});

describe("words", () => {
  const t = words("ui/sheets/Sheet", { en: { close: "Close", own: "Own" }, vi: { close: "Đóng", own: "Riêng" } });

  it("are those of the file of the language, and English where it leaves them out", async () => {
    await speak("vi");
    expect(t("close")).toBe("Đóng");
    expect(IN_FILES).toContain("es");
    await speak("es");
    expect([language.value, t("close"), t("own")]).toEqual(["es", "Cerrar", "Own"]);
  });
});

describe("a sentence of the server", () => {
  const fits = { gb: 2, there: 8, device: "cuda:0", offload: "", settings: "x", package: "" };
  const spoken = async (code: string) => {
    await speak(code);
    await vi.waitFor(() => expect(told("fits", fits)).not.toBeNull());
  };

  it("is said with its values as the language writes them", async () => {
    await spoken("de");
    expect(told("too-long", { most: 10000, has: 10001 })).toBe("höchstens 10.000 Zeichen; es sind 10.001");
    expect(told("empty-mask", { colour: "white" })).toBe("nichts ist weiß, also ist nichts neu zu malen");
    expect(told("empty-mask", { colour: "pink" })).toContain("pink");
    expect(told("queue-full", {})).toBeNull();
    expect(told("no such sentence", {})).toBeNull();
  });

  it("has its plurals, and says what only some values ask for", async () => {
    await spoken("es");
    expect(told("quota-queued", { limit: 1, left: 0 })).toContain("1 trabajo en espera");
    expect(told("quota-queued", { limit: 2, left: 0 })).toContain("2 trabajos en espera");
    expect(told("fits", { ...fits, offload: "parts" })).toContain("por turnos");
    expect(told("fits", fits)).toBe("Cabe: sus pesos ocupan 2\u00a0GB de los 8\u00a0GB de cuda:0.");
    expect(told("fits-with", { ...fits, package: "gguf" })).toMatch(/Hace falta el paquete gguf/);
    expect(told("unknown-model", { name: "'x'", names: "" })).toMatch(/no hay ninguno$/);
  });

  it("ends as sentences of its language do", async () => {
    await spoken("ja");
    expect(capital(told("required", {})!)).toBe("必須です。");
    expect(capital(told("not-https", {})!)).toMatch(/[^。]。$/);
  });

  it("is better said with sizes in English, too", async () => {
    await spoken("en");
    expect(told("disk-full", { bytes: 2e9, free: 1e6 })).toContain("2\u00a0GB are still to come");
    expect(told("required", {})).toBeNull();
  });
});
