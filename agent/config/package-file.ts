import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** The package's folder is a few levels above this file; how many depends on the build. */
const MAX_LEVELS_UP = 6;

/**
 * Absolute path of a file that comes with the package.
 * @param path relative to the package's folder
 */
export function packageFile(path: string): string {
  let folder = import.meta.dirname;
  for (let level = 0; level < MAX_LEVELS_UP; level++) {
    const found = join(folder, path);
    if (existsSync(found)) return found;
    folder = dirname(folder);
  }
  // Reading it then says that it is missing, and where it should be.
  return join(import.meta.dirname, path);
}
