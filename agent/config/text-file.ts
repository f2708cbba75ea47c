import { open, stat } from "node:fs/promises";

/** The text of a file, or why there is none. */
export type TextRead =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly because: string; readonly cause?: unknown };

/** The text of a UTF-8 file, if it has no more than `maxBytes`. A byte order mark is left out. */
export async function readText(path: string, maxBytes: number): Promise<TextRead> {
  try {
    // Opening a pipe would wait for its writer.
    if (!(await stat(path)).isFile()) return { ok: false, because: "is not a file" };
    const bytes = await readBounded(path, maxBytes);
    if (bytes.length > maxBytes) return { ok: false, because: `is larger than ${maxBytes} bytes` };
    return decode(bytes);
  } catch (cause) {
    return { ok: false, because: `cannot be read (${systemCode(cause)})`, cause };
  }
}

/** At most one byte more than the limit, whatever the file says its size is. */
async function readBounded(path: string, maxBytes: number): Promise<Uint8Array> {
  const file = await open(path, "r");
  try {
    const buffer = new Uint8Array(maxBytes + 1);
    let size = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, size, buffer.length - size);
      size += bytesRead;
      if (bytesRead === 0 || size > maxBytes) return buffer.subarray(0, size);
    }
  } finally {
    await file.close();
  }
}

function decode(bytes: Uint8Array): TextRead {
  try {
    return { ok: true, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    return { ok: false, because: "is not UTF-8 text" };
  }
}

/** `ENOENT` and the like, as the system said it. */
export function systemCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
}
