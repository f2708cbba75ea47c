import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startScimApp } from "../../agent/sim/scim-app/server.ts";
import { appUnderTest, patchOf } from "../support/scim-app.ts";

describe("the file of the SCIM app", () => {
  let folder: string;
  let file: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "scim-app-"));
    file = join(folder, "app.json");
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("brings everything back as it was", async () => {
    const first = await appUnderTest({ file });
    const ada = await first.create("/Users", { userName: "ada", password: "s3cret-word" });
    const bob = await first.create("/Users", { userName: "bob" });
    const members = [{ value: ada.id }];
    const group = await first.create("/Groups", { displayName: "All", members });
    await first.ask(`DELETE /Users/${bob.id}`);
    const before = [
      await first.ask(`GET /Users/${ada.id}`),
      await first.ask(`GET /Groups/${group.id}`),
    ];
    await first.app.close();

    expect(await readdir(folder)).toEqual(["app.json"]);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, "utf8")).not.toContain("s3cret-word");
    const second = await appUnderTest({ file });
    const after = [
      await second.ask(`GET /Users/${ada.id}`),
      await second.ask(`GET /Groups/${group.id}`),
    ];
    const elsewhere = JSON.stringify(before.map(({ body }) => body));
    expect(JSON.stringify(after.map(({ body }) => body))).toBe(
      elsewhere.replaceAll(first.app.url, second.app.url),
    );
    // Indexes and versions go on where they were.
    const taken = { schemas: ada["schemas"], userName: "ADA" };
    expect((await second.ask("POST /Users", { body: taken })).status).toBe(409);
    const carl = await second.create("/Users", { userName: "carl" });
    const versions = [...after.map(({ body }) => body), carl].map((resource) =>
      Number(/\d+/.exec((resource as { meta: { version: string } }).meta.version)),
    );
    expect(Math.max(...versions.slice(0, 2))).toBeLessThan(versions[2] ?? 0);
    await second.app.close();
  });

  it("is written soon after a change, without the app being stopped", async () => {
    const { app, create, ask } = await appUnderTest({ file });
    const { id } = await create("/Users", { userName: "ada" });
    await expect.poll(() => readFile(file, "utf8"), { timeout: 5_000 }).toContain("ada");
    const body = patchOf({ op: "add", path: "title", value: "Countess" });
    await ask(`PATCH /Users/${id}`, { body });
    await expect.poll(() => readFile(file, "utf8"), { timeout: 5_000 }).toContain("Countess");
    await app.close();
  });

  it("is told of when it cannot be written, and written when it can be again", async () => {
    const { app, create, errors } = await appUnderTest({ file });
    await rm(folder, { recursive: true });
    await create("/Users", { userName: "ada" });
    await expect.poll(() => errors, { timeout: 5_000 }).toMatchObject([{ code: "config.invalid" }]);
    await expect(app.close()).rejects.toMatchObject({ code: "config.invalid" });
  });

  it.each([
    ["no JSON", "{"],
    ["no object", "[]"],
    ["another version", '{"version":2,"resources":[]}'],
    ["no resources", '{"version":1}'],
    ["a resource that is none", '{"version":1,"resources":[7]}'],
    ["a resource without an id", '{"version":1,"resources":[{"type":"User"}]}'],
    [
      "a resource with the wrong content",
      JSON.stringify({
        version: 1,
        resources: [
          {
            id: "1",
            type: "User",
            content: { userName: 7 },
            created: "2026-01-01T00:00:00Z",
            lastModified: "2026-01-01T00:00:00Z",
            revision: 1,
          },
        ],
      }),
    ],
  ])("is refused and left alone when it holds %s", async (_what, text) => {
    await writeFile(file, text);
    await expect(startScimApp({ file })).rejects.toMatchObject({ code: "input.invalid" });
    expect(await readFile(file, "utf8")).toBe(text);
  });

  it("is refused when it is a folder, or when its folder is not there", async () => {
    await expect(startScimApp({ file: folder })).rejects.toMatchObject({ code: "input.invalid" });
    const nowhere = join(folder, "nowhere", "app.json");
    await expect(startScimApp({ file: nowhere })).rejects.toMatchObject({ code: "config.invalid" });
  });

  it("is not touched when the port is taken", async () => {
    const { app } = await appUnderTest();
    await expect(startScimApp({ port: app.port })).rejects.toMatchObject({
      code: "config.invalid",
    });
    await app.close();
  });
});
