/** Large files in pieces, as tus 1.0.0 has it: what breaks off goes on where it was. */
import { send } from "../http";

const VERSION = { "Tus-Resumable": "1.0.0" };

const BYTES = "application/offset+octet-stream";

/** Begins one; the id by which it goes on. */
export async function begin(file: File): Promise<string> {
  const name = btoa(String.fromCharCode(...new TextEncoder().encode(file.name)));
  const headers = { ...VERSION, "Upload-Length": String(file.size), "Upload-Metadata": `filename ${name}` };
  const response = await send("POST", "models/uploads", { headers });
  return response.headers.get("Location")!.split("/").pop()!;
}

/** How many bytes of one are there. */
export async function offset(id: string): Promise<number> {
  return stands(await send("HEAD", at(id), { headers: VERSION }));
}

/** Sends some bytes that begin at `from`; how many are there then. */
export async function piece(id: string, from: number, bytes: Blob, signal: AbortSignal): Promise<number> {
  const headers = { ...VERSION, "Upload-Offset": String(from) };
  // A weak network takes its time.
  const options = { headers, file: bytes.slice(0, bytes.size, BYTES), patience: 300_000, signal };
  return stands(await send("PATCH", at(id), options));
}

export async function drop(id: string): Promise<void> {
  await send("DELETE", at(id), { headers: VERSION });
}

function stands(response: Response): number {
  return Number(response.headers.get("Upload-Offset"));
}

function at(id: string): string {
  return `models/uploads/${id}`;
}
