import { Capacitor } from "@capacitor/core";
import { render } from "preact";
import { boot } from "../../web/src/boot";
import { use } from "../../web/src/platform";
import "../../web/src/ui/theme";
import { goBack } from "./back";
import { tellOfEnds } from "./background";
import { Choosing, Welcome } from "./Screens";
import { servers, shell } from "./shell";

await servers.load();
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
