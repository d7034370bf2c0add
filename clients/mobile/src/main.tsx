import { Capacitor } from "@capacitor/core";
import { render } from "preact";
import { boot } from "../../web/src/boot";
import { ready } from "../../web/src/i18n";
import { use } from "../../web/src/platform";
import "../../web/src/ui/theme";
import { goBack } from "./phone/back";
import { tellOfEnds } from "./phone/background";
import { Choosing, Welcome } from "./screens/Screens";
import { servers, shell } from "./shell";

await Promise.all([servers.load(), ready().catch(() => undefined)]);
const server = servers.current.peek();
if (server) {
  use(shell(server));
  boot();
  render(<Choosing />, document.getElementById("shell")!);
  if (Capacitor.isNativePlatform()) tellOfEnds();
} else {
  render(<Welcome />, document.getElementById("shell")!);
}
if (Capacitor.isNativePlatform()) goBack();
