import Capacitor
import UIKit

class SceneDelegate: UIResponder, UIWindowSceneDelegate {
    var window: UIWindow?

    func scene(_ scene: UIScene, willConnectTo session: UISceneSession, options connectionOptions: UIScene.ConnectionOptions) {
        guard let windowScene = scene as? UIWindowScene else { return }

        window = UIWindow(windowScene: windowScene)
        window?.rootViewController = ViewController()
        window?.makeKeyAndVisible()

        SceneDelegateProxy.shared.scene(scene, willConnectTo: session, options: connectionOptions)
    }

    func scene(_ scene: UIScene, openURLContexts URLContexts: Set<UIOpenURLContext>) {
        SceneDelegateProxy.shared.scene(scene, openURLContexts: URLContexts)
    }

    func scene(_ scene: UIScene, continue userActivity: NSUserActivity) {
        SceneDelegateProxy.shared.scene(scene, continue: userActivity)
    }
}

class ViewController: CAPBridgeViewController {
    override func capacitorDidLoad() {
        bridge?.registerPluginInstance(ZeroConfPlugin())
    }
}

/// Finds servers on the local network, as capacitor-zeroconf does on Android. That has no Swift
/// package, so the two of its calls that the app makes are answered here.
@objc(ZeroConfPlugin)
class ZeroConfPlugin: CAPPlugin, CAPBridgedPlugin, NetServiceBrowserDelegate, NetServiceDelegate {
    let identifier = "ZeroConfPlugin"
    let jsName = "ZeroConf"
    let pluginMethods: [CAPPluginMethod] = [
        CAPPluginMethod(name: "watch", returnType: CAPPluginReturnCallback),
        CAPPluginMethod(name: "unwatch", returnType: CAPPluginReturnPromise)
    ]

    private let browser = NetServiceBrowser()
    private var found: [NetService] = []
    private var watching: CAPPluginCall?

    @objc func watch(_ call: CAPPluginCall) {
        let type = call.getString("type") ?? ""
        let domain = call.getString("domain") ?? ""
        call.keepAlive = true
        // A browser answers on the run loop that it was started on.
        DispatchQueue.main.async {
            self.watching = call
            self.browser.delegate = self
            self.browser.stop()
            self.browser.searchForServices(ofType: type, inDomain: domain)
        }
    }

    @objc func unwatch(_ call: CAPPluginCall) {
        DispatchQueue.main.async {
            self.browser.stop()
            self.found.removeAll()
            if let watching = self.watching { self.bridge?.releaseCall(watching) }
            self.watching = nil
            call.resolve()
        }
    }

    func netServiceBrowser(_ browser: NetServiceBrowser, didFind service: NetService, moreComing: Bool) {
        found.append(service)
        service.delegate = self
        service.resolve(withTimeout: 5)
    }

    func netServiceBrowser(_ browser: NetServiceBrowser, didRemove service: NetService, moreComing: Bool) {
        found.removeAll { $0 == service }
        tell("removed", service)
    }

    func netServiceDidResolveAddress(_ sender: NetService) {
        tell("resolved", sender)
    }

    private func tell(_ action: String, _ service: NetService) {
        let texts = service.txtRecordData().map(NetService.dictionary(fromTXTRecord:)) ?? [:]
        watching?.resolve([
            "action": action,
            "service": [
                "name": service.name,
                "port": service.port,
                "ipv4Addresses": (service.addresses ?? []).compactMap(Self.ipv4),
                "txtRecord": texts.mapValues { String(decoding: $0, as: UTF8.self) }
            ]
        ])
    }

    private static func ipv4(_ data: Data) -> String? {
        data.withUnsafeBytes { bytes in
            guard let address = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self),
                  address.pointee.sa_family == sa_family_t(AF_INET) else { return nil }
            var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let size = socklen_t(host.count)
            guard getnameinfo(address, socklen_t(data.count), &host, size, nil, 0, NI_NUMERICHOST) == 0 else { return nil }
            return String(cString: host)
        }
    }
}
