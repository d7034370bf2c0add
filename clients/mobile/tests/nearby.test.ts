import { expect, it } from "vitest";
import { where } from "../src/phone/nearby";

const service = { name: "Darkroom on nas", port: 7860, ipv4Addresses: ["192.168.1.5"], txtRecord: { tls: "0" } };

it("is where the network says", () => {
  expect(where(service)).toEqual({ name: "Darkroom on nas", base: "http://192.168.1.5:7860" });
});

it("speaks https where the server does", () => {
  expect(where({ ...service, txtRecord: { tls: "1" } })?.base).toBe("https://192.168.1.5:7860");
});

it("is never out on the internet, whoever answers", () => {
  expect(where({ ...service, ipv4Addresses: ["8.8.8.8"] })).toBeNull();
  expect(where({ ...service, ipv4Addresses: [] })).toBeNull();
  expect(where({ ...service, ipv4Addresses: ["8.8.8.8", "10.0.0.7"] })?.base).toBe("http://10.0.0.7:7860");
});
