import { describe, expect, it } from "vitest";
import { BadAddress, isLocal, serverAddress } from "../src/servers/address";

describe("a typed address", () => {
  it.each([
    ["192.168.1.5", "http://192.168.1.5:7860"],
    [" nas.local ", "http://nas.local:7860"],
    ["nas.local:80", "http://nas.local"],
    ["10.0.0.7:7000/make", "http://10.0.0.7:7000"],
    ["HTTP://Nas.Local:7860/", "http://nas.local:7860"],
    ["https://192.168.1.5:7860/pair", "https://192.168.1.5:7860"],
    ["[fe80::1]:7860", "http://[fe80::1]:7860"],
    ["[fd00::1]", "http://[fd00::1]:7860"],
    ["pictures.example", "https://pictures.example"],
    ["pictures.example:8443", "https://pictures.example:8443"],
    ["8.8.8.8", "https://8.8.8.8"],
  ])("%s is %s", (typed, address) => {
    expect(serverAddress(typed)).toBe(address);
  });

  it.each(["http://pictures.example", "http://8.8.8.8:7860", "http://[2001:db8::1]/", "http://192.168.1.5.example"])(
    "%s would go unencrypted over the internet, and is refused",
    (typed) => {
      expect(() => serverAddress(typed)).toThrow(new BadAddress("public"));
    },
  );

  it.each(["", "two words", "ftp://192.168.1.5", "javascript:alert(1)", "http://", "http://me:word@192.168.1.5"])(
    "%j cannot be read",
    (typed) => {
      expect(() => serverAddress(typed)).toThrow(new BadAddress("unreadable"));
    },
  );

  it("is local in no disguise", () => {
    // What a URL makes of them is what is looked at: 134744072 is 8.8.8.8.
    for (const host of ["134744072", "0x08080808", "010.8.8.8"]) {
      expect(() => serverAddress(`http://${host}/`)).toThrow(new BadAddress("public"));
    }
  });
});

it.each([
  ["10.255.255.255", true],
  ["11.0.0.1", false],
  ["172.15.0.1", false],
  ["172.16.0.1", true],
  ["172.31.255.255", true],
  ["172.32.0.1", false],
  ["192.168.0.1", true],
  ["192.169.0.1", false],
  ["169.254.1.1", true],
  ["100.64.0.1", false],
  ["127.0.0.1", true],
  ["[::1]", true],
  ["[::]", false],
  ["[fe80::1]", true],
  ["[febf::1]", true],
  ["[fec0::1]", false],
  ["[fdab::1]", true],
  ["[::ffff:c0a8:105]", true],
  ["[::ffff:808:808]", false],
  ["[2001:db8::1]", false],
  ["nas.local", true],
  ["nas.local.", true],
  ["nas.lan", true],
  ["nas.home.arpa", true],
  ["localhost", true],
  ["local.example", false],
  ["notlocal", false],
  ["nas", false],
])("%s is local: %s", (host, local) => {
  expect(isLocal(host)).toBe(local);
});
