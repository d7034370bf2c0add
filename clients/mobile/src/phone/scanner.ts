/** The camera, looking for a QR code. */
import { registerPlugin } from "@capacitor/core";

interface Scanner {
  scanBarcode(options: {
    hint: number;
    scanInstructions: string;
    scanButton: boolean;
    scanText: string;
    cameraDirection: number;
    scanOrientation: number;
  }): Promise<{ ScanResult: string }>;
}

// By its name: the package's own entry brings 370 KB of a scanner for browsers with it.
const scanner = registerPlugin<Scanner>("CapacitorBarcodeScanner");

const QR_CODE = 0;
const BACK = 1;
const ADAPTIVE = 3;

/** The text of a QR code; null where the user went back without one. */
export async function scan(instructions: string): Promise<string | null> {
  try {
    const { ScanResult } = await scanner.scanBarcode({
      hint: QR_CODE,
      scanInstructions: instructions,
      scanButton: false,
      scanText: " ",
      cameraDirection: BACK,
      scanOrientation: ADAPTIVE,
    });
    return ScanResult || null;
  } catch (error) {
    if ((error as { code?: string }).code === CANCELED) return null;
    throw error;
  }
}

/** What the plugin says when its user closes it. */
const CANCELED = "OS-PLUG-BARC-0006";
