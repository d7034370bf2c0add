import { beforeEach, expect, it } from "vitest";
import { Servers, type Store } from "../src/servers/servers";

class Memory implements Store {
  readonly texts = new Map<string, string>();
  get = async (key: string) => this.texts.get(key) ?? null;
  set = async (key: string, value: string) => this.texts.set(key, value);
  remove = async (key: string) => this.texts.delete(key);
}

let open: Memory;
let secret: Memory;

async function started(): Promise<Servers> {
  const servers = new Servers(open, secret);
  await servers.load();
  return servers;
}

beforeEach(() => {
  open = new Memory();
  secret = new Memory();
});

it("begins with none", async () => {
  const servers = await started();
  expect(servers.current.value).toBeNull();
  expect(servers.token()).toBeNull();
});

it("keeps them, their tokens and which one is used through a restart", async () => {
  const servers = await started();
  const home = await servers.add("http://192.168.1.5:7860", "Home", "dk_home");
  await servers.add("http://10.0.0.7:7860", "Lab", "dk_lab");
  await servers.choose(home);
  const again = await started();
  expect(again.all.value.map((each) => each.name)).toEqual(["Home", "Lab"]);
  expect(again.current.value?.name).toBe("Home");
  expect(again.token()).toBe("dk_home");
  expect(again.token(again.all.value[1])).toBe("dk_lab");
});

it("keeps no token beside the list", async () => {
  const servers = await started();
  await servers.add("http://192.168.1.5:7860", "Home", "dk_home");
  expect([...open.texts.values()].join()).not.toContain("dk_home");
  expect([...secret.texts.values()]).toEqual(["dk_home"]);
});

it("does not send one server's token to another", async () => {
  const servers = await started();
  await servers.add("http://192.168.1.5:7860", "Home", "dk_home");
  await servers.add("http://10.0.0.7:7860", "Open to all", null);
  expect(servers.token()).toBeNull();
});

it("has a server once, however often it is paired", async () => {
  const servers = await started();
  const home = await servers.add("http://192.168.1.5:7860", "Home", "dk_1");
  await servers.rename(home, "Upstairs");
  await servers.add("http://192.168.1.5:7860", "Home", "dk_2");
  expect(servers.all.value.map((each) => each.name)).toEqual(["Upstairs"]);
  expect(servers.token()).toBe("dk_2");
});

it("forgets a token with its server and goes on with another", async () => {
  const servers = await started();
  await servers.add("http://192.168.1.5:7860", "Home", "dk_home");
  const lab = await servers.add("http://10.0.0.7:7860", "Lab", "dk_lab");
  await servers.remove(lab);
  expect(servers.current.value?.name).toBe("Home");
  expect([...secret.texts.values()]).toEqual(["dk_home"]);
  await servers.remove(servers.current.value!);
  expect((await started()).current.value).toBeNull();
  expect(secret.texts.size).toBe(0);
});
