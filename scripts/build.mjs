// Compiles agent/ to dist/agent/, from nothing: node scripts/build.mjs

import { build, checkNode, installPackages } from "./prepare.mjs";

try {
  checkNode();
  await installPackages();
  await build({ force: true });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
