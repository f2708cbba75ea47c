import { writeFile } from "node:fs/promises";
import { it } from "vitest";
import { generatedFiles } from "../../agent/config/generate.ts";
it("x", async () => { for (const f of await generatedFiles()) await writeFile(f.path, f.content); });
