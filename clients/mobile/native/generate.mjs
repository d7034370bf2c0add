/**
 * Makes the Android and the iOS project anew: what `cap add` brings, and this app's settings in it.
 * What it makes is committed; run it again after a new major version of Capacitor, and read the diff.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";

/** The oldest systems on which all that the page and the plugins use is there. */
const ANDROID = 26;
const IOS = "17.4";

for (const platform of ["android", "ios"]) {
  rmSync(platform, { recursive: true, force: true });
  const shown = { stdio: ["ignore", "ignore", "inherit"] };
  execFileSync(process.execPath, ["node_modules/@capacitor/cli/bin/capacitor", "add", platform], shown);
}

/** Replaces a text that has to be there. */
function edit(file, ...changes) {
  let text = readFileSync(file, "utf8");
  for (const [before, after] of changes) {
    if (!text.includes(before)) throw new Error(`${file} has no ${before}: Capacitor's template changed`);
    text = text.replaceAll(before, after);
  }
  writeFileSync(file, text);
}

const main = "android/app/src/main";
edit(`${main}/AndroidManifest.xml`, [
  'android:allowBackup="true"',
  'android:allowBackup="false"\n        android:networkSecurityConfig="@xml/network_security_config"',
], [
  '<manifest xmlns:android="http://schemas.android.com/apk/res/android">',
  '<manifest xmlns:android="http://schemas.android.com/apk/res/android"\n    xmlns:tools="http://schemas.android.com/tools">',
], [
  '    <uses-permission android:name="android.permission.INTERNET" />\n',
  readFileSync("native/android/permissions.xml", "utf8"),
]);
edit("android/variables.gradle", ["minSdkVersion = 24", `minSdkVersion = ${ANDROID}`]);
edit(`${main}/res/values/styles.xml`, ["@drawable/splash", "@color/ground"]);
writeFileSync(`${main}/res/xml/network_security_config.xml`, networkSecurity());
// The launcher draws the icon from vectors; the pictures are for versions before 8.
for (const size of ["mdpi", "hdpi", "xhdpi", "xxhdpi", "xxxhdpi"]) {
  rmSync(`${main}/res/mipmap-${size}`, { recursive: true });
  for (const way of ["land", "port"]) rmSync(`${main}/res/drawable-${way}-${size}`, { recursive: true });
}
for (const old of ["drawable/splash.png", "drawable/ic_launcher_background.xml", "drawable-v24"]) {
  rmSync(`${main}/res/${old}`, { recursive: true });
}
// Examples of tests, which test nothing.
for (const kind of ["test", "androidTest"]) rmSync(`android/app/src/${kind}`, { recursive: true });

const app = "ios/App/App";
const settings = readFileSync("native/ios/Info.plist.part", "utf8");
edit(`${app}/Info.plist`, ["\t<key>LSRequiresIPhoneOS</key>", `${settings}\t<key>LSRequiresIPhoneOS</key>`]);
edit("ios/App/App.xcodeproj/project.pbxproj", [
  "IPHONEOS_DEPLOYMENT_TARGET = 15.0;",
  `IPHONEOS_DEPLOYMENT_TARGET = ${IOS};`,
]);
edit("ios/App/CapApp-SPM/Package.swift", [".iOS(.v15)", ".iOS(.v17)"]);
rmSync(`${app}/Assets.xcassets/Splash.imageset`, { recursive: true });

/**
 * Android has no word for a range of addresses. A name in this file stands for all that end in it,
 * after a dot; an IPv4 address ends in a number from 0 to 255, and no public name does.
 */
function networkSecurity() {
  const names = ["local", "lan", "home.arpa", "internal", "localhost"];
  const numbers = Array.from({ length: 256 }, (_, number) => String(number));
  const domains = [...names, ...numbers].map((each) => `        <domain includeSubdomains="true">${each}</domain>`);
  return `<?xml version="1.0" encoding="utf-8"?>
<!-- Made by native/generate.mjs, which says why; README.md says what it allows. -->
<network-security-config>
    <base-config cleartextTrafficPermitted="false">
        <trust-anchors>
            <certificates src="system" />
            <!-- The authority of a server with its own certificate, which the user has installed. -->
            <certificates src="user" />
        </trust-anchors>
    </base-config>
    <domain-config cleartextTrafficPermitted="true">
${domains.join("\n")}
    </domain-config>
</network-security-config>
`;
}
