/** Puts the app's own icons, colours and code into both projects, where their tools look for them. */
import { cpSync } from "node:fs";

cpSync("native/android/res", "android/app/src/main/res", { recursive: true });
cpSync("native/ios/App", "ios/App/App", { recursive: true });
