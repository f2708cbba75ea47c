import { readFileSync } from "node:fs";

/** Two folders up in the source, three in what is built. */
const PLACES = ["../../package.json", "../../../package.json"] as const;

/** Name of the product in replies, logs and on the bus. */
export const PRODUCT = "hybrid-sync-agent";

/**
 * Version of the package.
 * @throws Error when the package is not whole
 */
export function readVersion(): string {
  for (const place of PLACES) {
    try {
      const found: unknown = JSON.parse(readFileSync(new URL(place, import.meta.url), "utf8"));
      const { name, version } = found as { readonly name?: unknown; readonly version?: unknown };
      if (name === PRODUCT && typeof version === "string") return version;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  throw new Error("package.json is missing from the installation");
}
