import { expect, it } from "vitest";
import { BadAddress } from "../src/servers/address";
import { readInvitation } from "../src/servers/invitation";

it("says where the server is and the code", () => {
  expect(readInvitation("http://192.168.1.5:7860/pair#K7QX92MD")).toEqual({
    base: "http://192.168.1.5:7860",
    code: "K7QX92MD",
    authority: null,
  });
});

it("says whom to trust as phones show it", () => {
  const ca = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd_v8";
  const read = readInvitation(`https://192.168.1.5:7860/pair#K7QX92MD&ca=${ca}`);
  expect(read?.authority).toMatch(/^00:01:02:03:.*:1C:1D:FE:FF$/);
  expect(read?.authority).toHaveLength(32 * 3 - 1);
});

it("takes no fingerprint that is none, and what it does not know besides", () => {
  expect(readInvitation("https://nas.local/pair#K7QX92MD&later=1&ca=short")).toEqual({
    base: "https://nas.local",
    code: "K7QX92MD",
    authority: null,
  });
});

it.each([
  "http://192.168.1.5:7860/",
  "http://192.168.1.5:7860/pair",
  "http://192.168.1.5:7860/pair#",
  "http://192.168.1.5:7860/pair#<script>",
  "WIFI:S:home;T:WPA;P:secret;;",
  "K7QX92MD",
  "",
])("%j is none", (text) => {
  expect(readInvitation(text)).toBeNull();
});

it("is refused where the code would go unencrypted over the internet", () => {
  expect(() => readInvitation("http://pictures.example/pair#K7QX92MD")).toThrow(new BadAddress("public"));
});
