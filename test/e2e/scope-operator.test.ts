import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dnKey } from "../../agent/core/dn.ts";
import { createCompany } from "../../agent/sim/company/company.ts";
import { LANDMARKS } from "../../agent/sim/company/landmark.ts";
import { type AgentFiles, writeAgentFiles } from "../support/agent-files.ts";
import { type CommandResult, runCommand } from "../support/command.ts";
import { type DirectoryProcess, startDirectoryProcess } from "../support/directory-process.ts";

const PEOPLE = 150;
const SCOPE = {
  organizationalUnits: { include: [LANDMARKS.people], exclude: [LANDMARKS.engineering] },
  groups: [{ dn: LANDMARKS.allStaff, nested: true }],
  clauses: [{ attribute: "employeeType", operator: "equals", value: "Employee" }],
};

interface Previewed {
  readonly resourceType: string;
  readonly id: string;
  readonly dn: string;
  readonly inScope: boolean;
  readonly resource?: { readonly userName?: string; readonly emails?: { value: string }[] };
}

let directory: DirectoryProcess;
let files: AgentFiles;

beforeAll(async () => {
  directory = await startDirectoryProcess({ people: PEOPLE });
  files = await configure(SCOPE);
});

afterAll(async () => {
  await files?.remove();
  await directory?.stop();
});

function configure(scope: object, more: object = {}): Promise<AgentFiles> {
  const { url, baseDn, bindDn, bindPassword } = directory;
  const connection = { url, baseDn, bindDn, bindPassword };
  return writeAgentFiles({
    connectionString: "Endpoint=sb://unused/",
    ...connection,
    scope,
    ...more,
  });
}

function scope(...args: readonly string[]): Promise<CommandResult> {
  const isConfigured = args.includes("--config");
  return runCommand(["scope", ...args, ...(isConfigured ? [] : ["--config", files.configPath])]);
}

async function previewed(): Promise<readonly Previewed[]> {
  const { code, stdout, stderr } = await scope("preview", "--payload", "--json");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout).entries;
}

async function someone(isWanted: (entry: Previewed) => boolean): Promise<Previewed> {
  const found = (await previewed()).find(isWanted);
  if (found === undefined) throw new Error("the company has nobody like that");
  return found;
}

describe("scope explain", () => {
  it("says of an entry in scope and of one outside what the preview says, and would send the same", async () => {
    const inScope = await someone((entry) => entry.inScope && entry.resourceType === "User");
    const out = await someone(
      (entry) => !entry.inScope && entry.dn.endsWith(LANDMARKS.engineering),
    );
    for (const entry of [inScope, out]) {
      const { resource, ...verdict } = entry;
      const { code, stdout, stderr } = await scope("explain", entry.dn, "--json");
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      const said = JSON.parse(stdout);
      expect(said).toMatchObject({ ...verdict, wouldSend: entry.inScope });
      if (entry.inScope) expect(said.resource).toEqual(resource);
    }
  }, 60_000);

  it("finds the same person by every name, and prints the path through the groups", async () => {
    const { id, dn, resource } = await someone(
      (entry) =>
        entry.inScope && entry.resourceType === "User" && entry.resource?.emails !== undefined,
    );
    const names = [
      id,
      `{${id.toUpperCase()}}`,
      dn,
      resource?.userName,
      resource?.emails?.[0]?.value,
    ];
    for (const name of names) {
      const { code, stdout } = await scope("explain", String(name));
      expect({ name, code, first: stdout.split("\n")[0] }).toEqual({ name, code: 0, first: dn });
      expect(stdout).toMatch(
        /^ {2}yes {2}group {3}cn=all-staff,.*\n( +└─ cn=.*\n)+ +└─ this entry$/m,
      );
      expect(stdout).toContain('the entry has "Employee"');
      expect(stdout).toMatch(/^In scope as a User: /m);
      expect(stdout).toContain(`"userName": "${resource?.userName}"`);
    }
  }, 60_000);

  it("ends with 66 when there is none, and does not repeat the name", async () => {
    const { code, stdout, stderr } = await scope("explain", "no.body@example.com");
    expect({ code, stdout }).toEqual({ code: 66, stdout: "" });
    expect(stderr).toMatch(/^error scope\.missing: there is no such entry \(looked for: .*mail/);
    expect(stderr).not.toContain("no.body");
  });

  it("lists who shares a name and ends with 64", async () => {
    const named = new Map<string, string[]>();
    for (const { dn, attributes } of createCompany({ people: PEOPLE })) {
      for (const cn of attributes["cn"] ?? []) named.set(cn, [...(named.get(cn) ?? []), dn]);
    }
    const [shared] = [...named].filter(([, dns]) => dns.length === 2);
    if (shared === undefined) throw new Error("nobody of the company shares a name");
    const [name, dns] = shared;
    const { code, stdout, stderr } = await scope("explain", name);
    const listed = stdout.trimEnd().split("\n");
    expect([code, listed.map((line) => dnKey(line.slice(38))).sort()]).toEqual([
      64,
      dns.map(dnKey).sort(),
    ]);
    expect(stderr).toMatch(/^error usage: 2 entries have this name \(by cn\)\n {2}hint: /);
    const { candidates, more } = JSON.parse((await scope("explain", name, "--json")).stdout);
    const found = candidates.map(({ id, dn }: Previewed) => `${id}  ${dn}`);
    expect([found.sort(), more]).toEqual([listed.sort(), false]);
    // One by its id is enough.
    expect((await scope("explain", listed[0]?.slice(0, 36) ?? "")).code).toBe(0);
  }, 60_000);

  it("explains itself with examples", async () => {
    const { code, stdout } = await runCommand(["scope", "explain", "--help"]);
    expect(code).toBe(0);
    expect(stdout).toContain("DOMAIN\\name");
    expect(stdout).toContain("Examples:");
  });
});

describe("scope preview --diff", () => {
  let folder: string;
  let kept: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "kept-"));
    kept = join(folder, "kept.jsonl");
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function diff(...args: readonly string[]) {
    const { code, stdout, stderr } = await scope("preview", "--json", ...args);
    expect(stderr).toBe("");
    return { code, ...JSON.parse(stdout) };
  }

  it("has nothing to compare with at first, and keeps what it saw beside the configuration", async () => {
    const first = await scope("preview", "--diff");
    const usual = join(files.folder, "agent.preview.company.jsonl");
    expect({ code: first.code, stderr: first.stderr }).toEqual({ code: 0, stderr: "" });
    expect(first.stdout).toBe(
      `there is nothing to compare with: no preview is kept in ${usual}\n` +
        `this preview is kept in ${usual} for the next --diff\n`,
    );
    const again = await diff("--diff");
    expect(again).toMatchObject({
      ...{ code: 0, differences: [], savedTo: null },
      comparedWith: { file: usual, configuration: again.configuration },
    });
    expect((await readdir(files.folder)).filter((name) => name.includes("preview"))).toEqual([
      "agent.preview.company.jsonl",
    ]);
  }, 60_000);

  it("tells who came, who left and whose content is another, as two whole previews do", async () => {
    const before = await previewed();
    const printed = await scope("preview", "--save", kept);
    expect(printed.stdout).toMatch(/in scope +out of scope +out because/);
    expect(printed.stdout).not.toContain('"userName"');
    await directory.drift(60);
    const after = await previewed();
    const { code, differences, savedTo } = await diff("--diff", kept);
    const of = (change: string) =>
      differences
        .filter((one: { change: string }) => one.change === change)
        .map(keyOf)
        .sort();
    const wasIn = byKey(before.filter(({ inScope }) => inScope));
    const isIn = byKey(after.filter(({ inScope }) => inScope));
    const expected = {
      came: [...isIn.keys()].filter((key) => !wasIn.has(key)),
      left: [...wasIn.keys()].filter((key) => !isIn.has(key)),
      content: [...isIn.keys()].filter((key) => {
        const earlier = wasIn.get(key);
        return earlier !== undefined && contentOf(earlier) !== contentOf(isIn.get(key));
      }),
    };
    expect([code, savedTo]).toEqual([2, null]);
    for (const [change, keys] of Object.entries(expected)) {
      expect([change, of(change)]).toEqual([change, keys.sort()]);
    }
    expect(expected.left.length * expected.content.length).toBeGreaterThan(0);
    // It stays as it was until it is saved.
    expect((await diff("--diff", kept)).differences).toEqual(differences);
    expect(await diff("--diff", kept, "--save")).toMatchObject({ code: 2, savedTo: kept });
    expect(await diff("--diff", kept)).toMatchObject({ code: 0, differences: [] });
  }, 120_000);

  it("keeps no value and no name of anybody", async () => {
    const text = await readFile(kept, "utf8");
    const people = (await previewed()).filter(({ resourceType }) => resourceType === "User");
    for (const { dn, resource } of people) {
      expect(text).not.toContain(dn);
      if (resource?.userName !== undefined) expect(text).not.toContain(resource.userName);
    }
    expect(text).toContain(people[0]?.id);
  }, 60_000);

  it("is a table and CSV too, and refuses what would be without effect", async () => {
    await directory.drift(14);
    const table = await scope("preview", "--diff", kept, "--limit", "1");
    expect(table.code).toBe(2);
    expect(table.stdout).toMatch(/^change +type +id +dn +before +after$/m);
    expect(table.stdout).toMatch(/^… and \d+ more; --limit/m);
    expect(table.stdout).toMatch(/^type +came +left +other content +other reason +the same/m);
    const csv = await scope("preview", "--diff", kept, "--format", "csv");
    const { differences } = await diff("--diff", kept);
    expect(csv.stdout.trimEnd().split("\n")).toHaveLength(1 + differences.length);
    expect(csv.stderr).toMatch(/^compared with the preview of /);
    for (const flags of [["--payload"], ["--only", "in"]]) {
      const refused = await scope("preview", "--diff", kept, ...flags);
      expect({ code: refused.code, stdout: refused.stdout }).toEqual({ code: 64, stdout: "" });
    }
    const { configPath } = files;
    const both = ["--config", configPath, "--config", configPath];
    expect((await scope("preview", ...both, "--diff")).code).toBe(64);
    expect((await scope("preview", ...both, "--save")).code).toBe(64);
    expect((await scope("preview", ...both, "--config", configPath)).code).toBe(64);
    expect((await scope("preview", "--diff", configPath)).code).toBe(65);
  }, 120_000);
});

describe("scope preview with two configurations", () => {
  it("tells who would come and go, and ends with 2", async () => {
    const other = await configure(
      { ...SCOPE, organizationalUnits: { include: [LANDMARKS.europe], exclude: [] } },
      // Read through the servers of the first.
      { directory: { urls: ["ldaps://nowhere.invalid"] } },
    );
    const wide = await configure({});
    try {
      const pair = ["--config", files.configPath, "--config", other.configPath];
      const { code, stdout, stderr } = await scope("preview", "--json", ...pair);
      expect({ code, stderr }).toEqual({ code: 2, stderr: "" });
      const { differences, counts, before, after } = JSON.parse(stdout);
      expect([before.file, after.file]).toEqual([files.configPath, other.configPath]);
      const came = differences.filter(({ change }: { change: string }) => change === "came");
      const left = differences.filter(({ change }: { change: string }) => change === "left");
      expect([counts.User.came, counts.User.left].every((count) => count > 0)).toBe(true);
      for (const { dn } of came) expect(dn).toContain(LANDMARKS.engineering);
      for (const { dn } of left) expect(dn).not.toContain(LANDMARKS.europe);
      const swapped = ["--config", other.configPath, "--config", files.configPath];
      const lost = await scope("preview", ...swapped);
      expect([lost.code, lost.stdout]).toEqual([75, ""]);
      const everybody = ["--config", wide.configPath, "--config", files.configPath];
      const narrowed = JSON.parse((await scope("preview", "--json", ...everybody)).stdout);
      expect([narrowed.counts.User.came, narrowed.counts.User.left > 0]).toEqual([0, true]);
    } finally {
      await other.remove();
      await wide.remove();
    }
  }, 120_000);

  it("ends with 0 when they say the same", async () => {
    const pair = ["--config", files.configPath, "--config", files.configPath];
    const { code, stdout } = await scope("preview", ...pair);
    expect(code).toBe(0);
    expect(stdout).toContain(`before: ${files.configPath}\nafter: ${files.configPath}\n`);
  }, 60_000);
});

function keyOf({ resourceType, id }: Pick<Previewed, "resourceType" | "id">): string {
  return `${resourceType} ${id}`;
}

function byKey(entries: readonly Previewed[]): ReadonlyMap<string, Previewed> {
  return new Map(entries.map((entry) => [keyOf(entry), entry]));
}

function contentOf(entry: Previewed | undefined): string {
  return JSON.stringify(entry?.resource);
}
