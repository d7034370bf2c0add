/** Android's back button: closes what is on top, goes back, and at the beginning leaves the app. */
import { App } from "@capacitor/app";

export function goBack(): void {
  void App.addListener("backButton", ({ canGoBack }) => {
    const [top] = [...document.querySelectorAll("dialog[open]")].reverse();
    if (top) top.dispatchEvent(new Event("cancel", { cancelable: true }));
    else if (canGoBack) history.back();
    // Not ended: what runs is told of for a while.
    else void App.minimizeApp();
  });
}
