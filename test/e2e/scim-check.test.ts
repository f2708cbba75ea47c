import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { DEFECT_DESCRIPTIONS } from "../../agent/sim/scim-app/defects.ts";
import { parseFaultPlan } from "../../agent/sim/scim-app/fault-plan.ts";
import { runCommand } from "../support/command.ts";
import { appUnderTest, type Json } from "../support/scim-app.ts";

const TOKEN = "a-token-that-nobody-may-see";

/** By defect: the step that has to name it. */
const STEPS: ReadonlyMap<string, string> = new Map([
  ["empty-404", "test connection: a look-up that finds nobody"],
  ["ignore-filter", "create a user (bob)"],
  ["exact-case", "match by userName in another letter case"],
  ["ignore-excluded", "excludedAttributes=members is followed"],
  ["first-page", "read all users in pages"],
  ["no-id", "create a user (ada)"],
  ["conflict-201", "create the same user again is refused as not unique"],
  ["conflict-400", "create the same user again is refused as not unique"],
  ["ignore-patch", "disable (soft delete)"],
  ["ignore-delete", "delete a user"],
  ["hide-disabled", "match a user who is disabled"],
]);

async function check(url: string, ...args: readonly string[]) {
  const { code, stdout } = await runCommand(["scim", "check", url, "--json", ...args]);
  const { steps } = JSON.parse(stdout) as {
    readonly steps: readonly { readonly name: string; readonly verdict: string; detail: string }[];
  };
  const findings = steps.filter(({ verdict }) => verdict === "failed");
  return { code, tried: steps.length, findings: findings.map(({ name }) => name) };
}

describe("hybrid-agent scim check", { timeout: 120_000 }, () => {
  it.each([
    ["entra", "entra"],
    ["entra", "entra-2020"],
    ["entra", "rfc7644"],
    ["rfc", "rfc7644"],
  ] as const)(
    "finds nothing in the embedded app with profile %s in style %s",
    async (profile, style) => {
      const { app } = await appUnderTest({ profile });
      onTestFinished(() => app.close());
      expect(await check(app.url, "--style", style)).toEqual({ code: 0, tried: 25, findings: [] });
      expect([...app.resources("User"), ...app.resources("Group")]).toEqual([]);
    },
  );

  it("finds what of Entra's shapes a strict app does not take, and says what to do", async () => {
    const { app } = await appUnderTest({ profile: "rfc" });
    onTestFinished(() => app.close());
    const { code, stdout } = await runCommand(["scim", "check", app.url]);
    expect(code).toBe(1);
    expect(stdout).toContain("FINDING disable (soft delete): the target answered 400");
    expect(stdout).toContain('"path":"active","value":"False"');
    expect(stdout).toContain("with Entra: the entry fails and is tried again");
    expect(stdout).toMatch(/25 tried, 3 with a finding\n$/);
  });

  it.each([...STEPS])("names what is wrong with an app with the fault %s", async (defect, step) => {
    const { app } = await appUnderTest({ profile: "entra", faults: parseFaultPlan(defect) });
    onTestFinished(() => app.close());
    const { code, findings } = await check(app.url);
    expect(code).toBe(1);
    expect(findings).toContain(step);
  });

  it("has a test for each defect that there is", () => {
    expect([...DEFECT_DESCRIPTIONS.keys()].sort()).toEqual([...STEPS.keys()].sort());
  });

  it("writes all that went over the wire into a HAR file, and the token nowhere", async () => {
    const { app } = await appUnderTest({ profile: "entra", token: TOKEN });
    onTestFinished(() => app.close());
    const folder = await mkdtemp(join(tmpdir(), "har-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, "check.har");
    const env = { HYBRID_SCIM_TOKEN: TOKEN };
    const { code, stdout } = await runCommand(["scim", "check", app.url, "--har", file], { env });
    expect([code, stdout.includes(TOKEN)]).toEqual([0, false]);
    const text = await readFile(file, "utf8");
    expect(text).not.toContain(TOKEN);
    const { log } = JSON.parse(text) as { log: { version: string; entries: readonly Json[] } };
    expect(log.version).toBe("1.2");
    expect(log.entries.length).toBeGreaterThan(25);
    expect(log.entries[0]).toMatchObject({
      request: { method: "GET", httpVersion: "HTTP/1.1" },
      response: { status: 200 },
    });
    const refused = await runCommand(["scim", "check", app.url]);
    expect([refused.code, refused.stdout.includes("FINDING")]).toEqual([1, true]);
  });

  it("sends no token over a network in the clear", async () => {
    const env = { HYBRID_SCIM_TOKEN: TOKEN };
    const { code, stderr } = await runCommand(["scim", "check", "http://192.0.2.1"], { env });
    expect([code, stderr]).toEqual([
      64,
      "error usage: the token would go to 192.0.2.1 unencrypted\n  hint: use https, or run the check on the machine of the app\n",
    ]);
  });

  it("refuses what is no URL and what is no style", async () => {
    const bad = await runCommand(["scim", "check", "ftp://x"]);
    expect([bad.code, bad.stderr]).toEqual([64, "error usage: ftp://x is no http or https URL\n"]);
    expect((await runCommand(["scim", "check", "http://x", "--style", "scim1"])).code).toBe(64);
  });
});
