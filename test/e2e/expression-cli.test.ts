import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AgentFiles, writeAgentFiles } from "../support/agent-files.ts";
import { runCommand } from "../support/command.ts";
import { type DirectoryProcess, startDirectoryProcess } from "../support/directory-process.ts";

const CASES = new URL("../golden/expressions.json", import.meta.url).pathname;

const MAPPING = `
version: 1
resourceTypes:
  User:
    objectClasses: [inetOrgPerson]
    flows:
      - { target: userName, attribute: uid }
      - { target: displayName, expression: 'Join(", ", ToUpper([sn]), [givenName])' }
      - { target: title, expression: 'Error("no title for you")' }
  Group:
    objectClasses: [groupOfNames]
    flows: [{ target: displayName, attribute: cn }]
`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "expression-cli-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("expression", () => {
  it("eval prints the value, and as JSON what became of it", async () => {
    const words = [
      "expression",
      "eval",
      'Join("-", [a], %B%)',
      "--set",
      "a=x",
      "--set",
      "a=y",
      "--var",
      "B=z",
    ];
    expect(await runCommand(words)).toMatchObject({ code: 0, stdout: "x-y-z\n", stderr: "" });
    const { stdout } = await runCommand([...words, "--json"]);
    expect(JSON.parse(stdout)).toEqual({
      ...{ expression: 'Join("-", [a], %B%)', outcome: "value", value: "x-y-z", redacted: false },
    });
  });

  it("eval shows the place of a mistake with a caret and exits with 78", async () => {
    const { code, stderr } = await runCommand(["expression", "eval", "Trim([a]"]);
    expect(code).toBe(78);
    expect(stderr).toContain("line 1, column 9: found the end of the expression, expected )");
    expect(stderr).toContain("Trim([a]\n        ^");
  });

  it("eval exits with 1 when the expression fails for these values", async () => {
    const failed = await runCommand(["expression", "eval", "Item([a], 2)", "--set", "a=x"]);
    expect(failed).toMatchObject({
      code: 1,
      stdout: "error: Item was asked for number 2 of 1 values\n",
    });
  });

  it("eval prints the tree", async () => {
    const { stdout } = await runCommand(["expression", "eval", "Not([a])", "--ast"]);
    expect(JSON.parse(stdout)).toEqual({
      ...{ kind: "call", name: "Not", arguments: [{ kind: "attribute", name: "a" }] },
    });
  });

  it("test passes on the documented cases and ends with the count", async () => {
    const { code, stdout } = await runCommand(["expression", "test", CASES]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "123 passed, 0 failed\n" });
  });

  it("test prints each failure with what was expected and got, and exits with 1", async () => {
    const file = join(folder, "cases.json");
    const cases = [
      { expr: "Trim([x])", input: { x: " a " }, expected: "a" },
      { expr: "Trim([x])", input: { x: " a " }, expected: "b" },
      { expr: "Trim(", expected: "b" },
    ];
    await writeFile(file, JSON.stringify({ cases }));
    const { code, stdout } = await runCommand(["expression", "test", file]);
    expect(code).toBe(1);
    expect(stdout.split("\n")).toEqual([
      "case 2 (case 2): Trim([x])",
      '  expected "b"',
      '  got      "a"',
      "case 3 (case 3): Trim(",
      '  expected "b"',
      expect.stringContaining('  got      {"$syntaxError":"found the end of the expression'),
      "1 passed, 2 failed",
      "",
    ]);
  });

  it("test refuses what is no cases file", async () => {
    const file = join(folder, "no-cases.json");
    await writeFile(file, '{"cases": [{"input": {}}]}');
    const { code, stderr } = await runCommand(["expression", "test", file]);
    expect(code).toBe(65);
    expect(stderr).toContain("cases[0] has no expr");
  });

  it("functions lists signature, meaning and example", async () => {
    const { stdout } = await runCommand(["expression", "functions", "--json"]);
    const functions: readonly object[] = JSON.parse(stdout);
    expect(functions.length).toBeGreaterThan(45);
    expect(functions).toContainEqual(
      expect.objectContaining({
        name: "Trim",
        signature: "Trim(source)",
        gives: "each value without white space at both ends",
        example: 'Trim(" Test ")',
      }),
    );
  });
});

describe("mapping", () => {
  let directory: DirectoryProcess;
  let files: AgentFiles;
  let mapping: string;

  beforeAll(async () => {
    mapping = join(folder, "mapping.yaml");
    await writeFile(mapping, MAPPING);
    directory = await startDirectoryProcess({ people: 50 });
    const { url, baseDn, bindDn, bindPassword } = directory;
    files = await writeAgentFiles({
      ...{ connectionString: "Endpoint=sb://unused/", url, baseDn, bindDn, bindPassword },
      directory: { mapping },
    });
  });
  afterAll(async () => {
    await files?.remove();
    await directory?.stop();
  });

  it("check lists the flows of a mapping that can be used", async () => {
    const { code, stdout } = await runCommand(["mapping", "check", mapping]);
    expect(code).toBe(0);
    expect(stdout).toContain('Join(", ", ToUpper([sn]), [givenName])');
  });

  it("check says all that is wrong at once", async () => {
    const wrong = join(folder, "wrong.yaml");
    await writeFile(
      wrong,
      MAPPING.replace("[givenName])", "[givenName]").replace("Error(", "Eror("),
    );
    const { code, stderr } = await runCommand(["mapping", "check", wrong]);
    expect(code).toBe(78);
    expect(stderr).toContain("resourceTypes.User.flows[1].expression: line 1, column 38");
    expect(stderr).toContain(
      "resourceTypes.User.flows[2].expression: line 1, column 1: found the unknown function Eror, expected perhaps Error",
    );
  });

  it("preview shows source values, rule and value of every flow, and exits with 1 when one fails", async () => {
    const words = ["mapping", "preview", await someUid(), "--config", files.configPath];
    const { code, stdout } = await runCommand(words);
    expect(code).toBe(1);
    const [head, ...lines] = stdout.split("\n");
    expect(head).toMatch(/^User uid=/);
    expect(lines).toContain('  <- Join(", ", ToUpper([sn]), [givenName])');
    expect(lines).toContain("  -> problem: no title for you");
    expect(lines.find((line) => line.startsWith("  givenName = "))).toBeDefined();
    const { flows } = JSON.parse((await runCommand([...words, "--json"])).stdout);
    const [sn, givenName] = flows[1].sources;
    expect(flows[1].result).toEqual({
      kind: "value",
      value: `${sn.values[0].toUpperCase()}, ${givenName.values[0]}`,
    });
  });

  it("preview says when nobody has the name", async () => {
    const { code } = await runCommand([
      "mapping",
      "preview",
      "nobody-here",
      "--config",
      files.configPath,
    ]);
    expect(code).toBe(66);
  });

  async function someUid(): Promise<string> {
    const { stdout } = await runCommand([
      "scope",
      "preview",
      "--json",
      "--config",
      files.configPath,
    ]);
    const entries: readonly { resourceType: string; dn: string }[] = JSON.parse(stdout).entries;
    const dn = entries.find(({ resourceType }) => resourceType === "User")?.dn;
    if (dn === undefined) throw new Error("the company has nobody");
    return dn;
  }
});
