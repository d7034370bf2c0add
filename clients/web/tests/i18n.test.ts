import { afterEach, describe, expect, it } from "vitest";
import "./page";

const { directionOf, IN_FILES, matching, nameOf } = await import("../src/i18n/files");
const { LANGUAGES, language, speak, words } = await import("../src/i18n");
const { filled } = await import("../src/i18n/template");

afterEach(() => speak("en"));

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
