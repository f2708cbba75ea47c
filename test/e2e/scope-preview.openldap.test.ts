import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCompany } from "../../agent/sim/company/company.ts";
import { LANDMARKS } from "../../agent/sim/company/landmark.ts";
import { companyToLdif } from "../../agent/sim/company/ldif.ts";
import { type AgentFiles, writeAgentFiles } from "../support/agent-files.ts";
import { runCommand } from "../support/command.ts";
import { type OpenLdap, startOpenLdap } from "../support/openldap.ts";

describe("scope preview of 10,000 people", () => {
  let ldap: OpenLdap;

  beforeAll(async () => {
    ldap = await startOpenLdap({ ldif: companyToLdif(createCompany({ people: 10_000 })) });
  });

  afterAll(async () => {
    await ldap?.close();
  });

  function configure(scope: object): Promise<AgentFiles> {
    const { url, baseDn, bindDn, bindPassword } = ldap;
    return writeAgentFiles({
      connectionString: "Endpoint=sb://unused/",
      url,
      baseDn,
      bindDn,
      bindPassword,
      scope,
    });
  }

  async function preview(scope: object, ...args: readonly string[]): Promise<string> {
    const files = await configure(scope);
    const { code, stdout, stderr } = await runCommand([
      "scope",
      "preview",
      "--config",
      files.configPath,
      ...args,
    ]);
    await files.remove();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return stdout;
  }

  /** DNs that OpenLDAP's own client finds, as text in the form that the server gives. */
  async function find(base: string, filter: string): Promise<readonly string[]> {
    const output = await ldap.ldapsearch(["-b", base, "-LLL", "-o", "ldif-wrap=no", filter, "1.1"]);
    return output.split("\n").flatMap((line) => {
      if (line.startsWith("dn: ")) return line.slice(4);
      return line.startsWith("dn:: ") ? Buffer.from(line.slice(5), "base64").toString("utf8") : [];
    });
  }

  /** A server writes a comma in a DN as `\\2C` in one place and as `\\,` in another. */
  function canonical(dn: string): string {
    const escaped = dn.replace(
      /\\([^0-9a-fA-F])/g,
      (_, c: string) => `\\${Buffer.from(c).toString("hex")}`,
    );
    return escaped.toLowerCase();
  }

  /** Members of a group and of the groups in it, one ldapsearch a group. */
  async function findMembers(group: string, seen = new Set<string>()): Promise<Set<string>> {
    if (seen.has(group)) return seen;
    const output = await ldap.ldapsearch([
      "-b",
      group,
      "-s",
      "base",
      "-LLL",
      "-o",
      "ldif-wrap=no",
      "(objectClass=groupOfNames)",
      "member",
    ]);
    seen.add(group);
    for (const line of output.split("\n")) {
      const plain = /^member: (.*)$/.exec(line)?.[1];
      const encoded = /^member:: (.*)$/.exec(line)?.[1];
      const member = plain ?? (encoded && Buffer.from(encoded, "base64").toString("utf8"));
      if (member === undefined) continue;
      if (/^cn=/i.test(member) && member.endsWith(LANDMARKS.groups))
        await findMembers(member, seen);
      else seen.add(member);
    }
    return seen;
  }

  it("counts what ldapsearch finds: nested OUs, an excluded OU, a nested group, a clause", async () => {
    const scope = {
      organizationalUnits: { include: [LANDMARKS.people], exclude: [LANDMARKS.engineering] },
      groups: [{ dn: LANDMARKS.allStaff, nested: true }],
      clauses: [{ attribute: "employeeType", operator: "equals", value: "Employee" }],
    };
    const inPeople = await find(
      LANDMARKS.people,
      "(&(objectClass=inetOrgPerson)(employeeType=Employee))",
    );
    const engineering = await find(LANDMARKS.engineering, "(objectClass=inetOrgPerson)");
    const inEngineering = new Set(engineering);
    const members = new Set([...(await findMembers(LANDMARKS.allStaff))].map(canonical));
    const expected = inPeople.filter((dn) => !inEngineering.has(dn) && members.has(canonical(dn)));
    const { summary, entries } = JSON.parse(await preview(scope, "--json", "--type", "User"));
    expect(expected.length).toBeGreaterThan(100);
    expect(summary.User.in).toBe(expected.length);
    expect(summary.User.in + summary.User.out).toBe(10_000);
    const included = entries.filter((entry: { inScope: boolean }) => entry.inScope);
    expect(included.map((entry: { dn: string }) => entry.dn).sort()).toEqual([...expected].sort());
  }, 120_000);

  it("counts with `any` those in the OU or in the group", async () => {
    const scope = {
      organizationalUnits: { include: [LANDMARKS.legal] },
      groups: [{ dn: LANDMARKS.managers }],
      combine: "any",
    };
    const inLegal = await find(LANDMARKS.legal, "(objectClass=inetOrgPerson)");
    const managers = (
      await ldap.ldapsearch([
        "-b",
        LANDMARKS.managers,
        "-s",
        "base",
        "-LLL",
        "-o",
        "ldif-wrap=no",
        "member",
      ])
    )
      .split("\n")
      .flatMap((line) => {
        if (line.startsWith("member: ")) return line.slice(8);
        return line.startsWith("member:: ")
          ? Buffer.from(line.slice(9), "base64").toString("utf8")
          : [];
      });
    const expected = new Set([...inLegal, ...managers].map(canonical));
    const { summary } = JSON.parse(await preview(scope, "--json", "--type", "User"));
    expect(summary.User.in).toBe(expected.size);
  }, 120_000);

  it("prints a table with the reasons, CSV with every entry, and the payload when asked", async () => {
    const scope = {
      organizationalUnits: { include: [LANDMARKS.people], exclude: [LANDMARKS.legal] },
    };
    const table = await preview(scope, "--limit", "5");
    expect(table).toMatch(/type\s+scope\s+id\s+dn\s+because/);
    expect(table).toContain("organizational unit excluded");
    const csv = await preview(scope, "--format", "csv", "--only", "in", "--type", "User");
    const people = await find(LANDMARKS.people, "(objectClass=inetOrgPerson)");
    const legal = await find(LANDMARKS.legal, "(objectClass=inetOrgPerson)");
    expect(csv.trimEnd().split("\n")).toHaveLength(1 + people.length - legal.length);
    const { entries } = JSON.parse(
      await preview(scope, "--payload", "--json", "--only", "in", "--type", "User"),
    );
    const withManager = entries.find((entry: { resource?: object }) =>
      JSON.stringify(entry.resource).includes('"manager"'),
    );
    expect(withManager.resource).toMatchObject({
      schemas: expect.arrayContaining(["urn:ietf:params:scim:schemas:core:2.0:User"]),
      userName: expect.any(String),
      active: true,
    });
  }, 120_000);

  it("says which OU is missing and ends with 66", async () => {
    const files = await configure({ organizationalUnits: { include: [`ou=Gone,${ldap.baseDn}`] } });
    const { code, stderr } = await runCommand(["scope", "preview", "--config", files.configPath]);
    await files.remove();
    expect(code).toBe(66);
    expect(stderr).toContain(`error scope.missing: not in the directory: ou=Gone,${ldap.baseDn}`);
    expect(stderr).toContain("hint: ");
  });
});

it("reads over StartTLS with the configured authority, and refuses to without it", async () => {
  const ldap = await startOpenLdap({
    ldif: companyToLdif(createCompany({ people: 20 })),
    tls: true,
  });
  const { url, baseDn, bindDn, bindPassword, caFile } = ldap;
  const common = { connectionString: "Endpoint=sb://unused/", url, baseDn, bindDn, bindPassword };
  const trusting = await writeAgentFiles({
    ...common,
    directory: { tls: { startTls: true, ca: caFile } },
  });
  const wary = await writeAgentFiles({ ...common, directory: { tls: { startTls: true } } });
  try {
    const whole = await runCommand(["scope", "preview", "--json", "--config", trusting.configPath]);
    expect(JSON.parse(whole.stdout).summary.User.in).toBe(20);
    const refused = await runCommand(["scope", "preview", "--config", wary.configPath]);
    expect(refused.code).toBe(76);
    expect(refused.stderr).toMatch(/certificate refused/);
  } finally {
    await trusting.remove();
    await wary.remove();
    await ldap.close();
  }
}, 60_000);
