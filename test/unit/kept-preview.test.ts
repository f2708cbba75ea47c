import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { keptPreviewPath, readKeptPreview } from "../../agent/cli/kept-preview.ts";
import { KeptPreviewWriter } from "../../agent/cli/kept-preview-writer.ts";
import { type KeptVerdict, verdictKey } from "../../agent/core/preview-comparison.ts";

const HEAD = {
  directory: "company",
  configuration: "c1-1",
  at: "2030-01-01T00:00:00.000Z",
  resourceTypes: ["User", "Group"],
} as const;
const VERDICTS: readonly KeptVerdict[] = [
  { resourceType: "User", id: "1", inScope: true, reason: "unit", fingerprint: "c1-f" },
  { resourceType: "User", id: "2", inScope: false, reason: "clause failed: x" },
  { resourceType: "Group", id: "1", inScope: true, reason: "unit" },
];

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kept-"));
  path = keptPreviewPath(join(folder, "agent.yaml"), "company");
});

afterEach(() => rm(folder, { recursive: true, force: true }));

async function keep(head: typeof HEAD | object = HEAD): Promise<void> {
  const writer = await KeptPreviewWriter.open(path, { ...HEAD, ...head });
  for (const verdict of VERDICTS) await writer.add(verdict);
  await writer.commit();
  await writer.discard();
}

it("is read as it was kept, for its owner alone, and leaves nothing beside it", async () => {
  expect(await readKeptPreview(path, HEAD)).toBeUndefined();
  await keep();
  await keep();
  const verdicts = new Map(VERDICTS.map((verdict) => [verdictKey(verdict), verdict]));
  expect(await readKeptPreview(path, HEAD)).toEqual({ ...HEAD, verdicts });
  expect(await readdir(folder)).toEqual(["agent.preview.company.jsonl"]);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

it("is read for one type of the two, and never for one that it does not have", async () => {
  await keep();
  const wanted = { directory: "company", resourceTypes: ["Group"] } as const;
  expect((await readKeptPreview(path, wanted))?.verdicts.size).toBe(1);
  await keep({ resourceTypes: ["User"] });
  await expect(readKeptPreview(path, wanted)).rejects.toMatchObject({
    code: "input.invalid",
    message: expect.stringContaining("has no verdicts on Groups"),
  });
});

it("stays as it was when the next one is not finished", async () => {
  await keep();
  const before = await readFile(path, "utf8");
  const writer = await KeptPreviewWriter.open(path, HEAD);
  await writer.add(VERDICTS[1] as KeptVerdict);
  await writer.discard();
  expect(await readFile(path, "utf8")).toBe(before);
  expect(await readdir(folder)).toHaveLength(1);
});

it("is refused when it is another directory's", async () => {
  await keep({ directory: "other" });
  await expect(readKeptPreview(path, HEAD)).rejects.toMatchObject({
    code: "input.invalid",
    message: expect.stringContaining("is a preview of directory other"),
  });
});

it.each([
  ["is not whole", (text: string) => text.split("\n").slice(0, 3).join("\n")],
  ["is not whole", (text: string) => text.replace(/\["Group.*\n/, "")],
  ["is not whole", () => ""],
  ["is no kept preview", (text: string) => text.replace('"version":1', '"version":2')],
  ["is no kept preview", (text: string) => text.replace('"User","1"', '"Device","1"')],
  ["is no kept preview", (text: string) => text.slice(0, -5)],
  ["is no kept preview", (text: string) => `${text}${text}`],
  ["is no kept preview", () => "version: 1\n"],
])("is refused when it %s (%#)", async (problem, spoil) => {
  await keep();
  await writeFile(path, spoil(await readFile(path, "utf8")));
  await expect(readKeptPreview(path, HEAD)).rejects.toMatchObject({
    code: "input.invalid",
    message: `${path} ${problem}`,
  });
});

it("says which file cannot be read or written", async () => {
  await expect(readKeptPreview(folder, HEAD)).rejects.toMatchObject({
    message: `${folder} is not a file`,
  });
  const nowhere = join(folder, "nowhere", "file");
  await expect(KeptPreviewWriter.open(nowhere, HEAD)).rejects.toMatchObject({
    code: "state.unavailable",
    message: `${nowhere} cannot be written`,
  });
});
