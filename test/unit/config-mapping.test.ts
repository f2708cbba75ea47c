import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseConfig } from "../../agent/config/agent-config.ts";
import {
  loadMapping,
  parseMapping,
  parseMappingReference,
  SHIPPED_MAPPINGS,
} from "../../agent/config/mapping-file.ts";
import { changeTimes, compileMapping, readsVolatile } from "../../agent/core/compiled-mapping.ts";
import { AgentError } from "../../agent/core/error.ts";
import { type Flow, printSource } from "../../agent/core/mapping.ts";

const GROUP = `
  Group:
    objectClasses: [groupOfNames]
    flows: [{ target: displayName, attribute: cn }]
`;

/** A mapping whose User has these flows. */
function withFlows(...flows: readonly string[]): string {
  const list = flows.map((flow) => `      - ${flow}\n`).join("");
  return `version: 1\nresourceTypes:\n  User:\n    objectClasses: [inetOrgPerson]\n    flows:\n${list}${GROUP}`;
}

function refusal(text: string): AgentError {
  try {
    parseMapping(text, "own.yaml");
  } catch (error) {
    if (error instanceof AgentError) return error;
    throw error;
  }
  throw new Error("the mapping was accepted");
}

/** Each flow as a line. */
function lines(flows: readonly Flow[]): readonly string[] {
  return flows.map((flow) => {
    const target = flow.target.replace("urn:ietf:params:scim:schemas:extension:", "");
    return `${target} <- ${printSource(flow)}`;
  });
}

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "config-mapping-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe("a mapping file", () => {
  it("becomes the core's mapping", () => {
    const text = withFlows(
      "{ target: userName, attribute: uid }",
      "{ target: active, constant: true }",
      "{ target: userType, constant: '' }",
      "{ target: title, constant: 7 }",
      "{ target: nickName, attribute: 2.5.4.3 }",
      "{ target: displayName, attribute: 'cn;lang-ja' }",
      "{ target: profileUrl, computed: photo, attribute: thumbnailPhoto }",
      "{ target: 'addresses.country', computed: country }",
    );
    expect(parseMapping(text, "own.yaml")).toEqual({
      User: {
        objectClasses: ["inetOrgPerson"],
        flows: [
          { target: "userName", kind: "direct", attribute: "uid" },
          { target: "active", kind: "constant", value: true },
          { target: "userType", kind: "constant", value: "" },
          { target: "title", kind: "constant", value: 7 },
          { target: "nickName", kind: "direct", attribute: "2.5.4.3" },
          { target: "displayName", kind: "direct", attribute: "cn;lang-ja" },
          {
            target: "profileUrl",
            kind: "computed",
            computed: "photo",
            attribute: "thumbnailPhoto",
          },
          { target: "addresses.country", kind: "computed", computed: "country" },
        ],
      },
      Group: {
        objectClasses: ["groupOfNames"],
        flows: [{ target: "displayName", kind: "direct", attribute: "cn" }],
      },
    });
  });

  it("is refused with all its problems and their lines", () => {
    const error = refusal(
      withFlows(
        "{ target: userName }",
        "{ target: title, attribute: title, constant: x }",
        "{ target: userType, formula: 'x' }",
        "{ target: userType, expression: 'Trim([x])', attribute: x }",
        "{ attribute: 'mail;binary' }",
        "{ target: active, constant: [true] }",
        "{ target: '', attribute: uid }",
        "userName",
      ),
    );
    expect([error.code, error.exit, error.hint]).toEqual([
      "mapping.invalid",
      78,
      "config/README.md says how to write a mapping",
    ]);
    expect(error.message.split("\n")).toEqual([
      "own.yaml has 10 problems:",
      "  resourceTypes.User.flows[0]: has no source, expected one of attribute, computed, expression and constant (line 6)",
      "  resourceTypes.User.flows[1]: has both constant and attribute, expected one of attribute, computed, expression and constant (line 7)",
      "  resourceTypes.User.flows[2].formula: is no option, expected one of target, attribute, computed, expression, constant (line 8)",
      "  resourceTypes.User.flows[2]: has no source, expected one of attribute, computed, expression and constant (line 8)",
      "  resourceTypes.User.flows[3]: has both expression and attribute, expected one of attribute, computed, expression and constant (line 9)",
      "  resourceTypes.User.flows[4].target: is missing, expected the path of a SCIM attribute (line 10)",
      "  resourceTypes.User.flows[4].attribute: is malformed, expected the name of an LDAP attribute, with no option but a language (cn;lang-ja) (line 10)",
      "  resourceTypes.User.flows[5].constant: is a list, expected text, a number, true or false (line 11)",
      "  resourceTypes.User.flows[6].target: is empty, expected the path of a SCIM attribute (line 12)",
      "  resourceTypes.User.flows[7]: is text, expected a section with target, attribute, computed, expression, constant (line 13)",
    ]);
  });

  it("is refused when a function has not what it is of, or more", () => {
    const error = refusal(
      withFlows(
        "{ target: active, computed: accountActive, attribute: userAccountControl }",
        "{ target: userType, computed: sid }",
        "{ target: userType, computed: sid, constant: x }",
        "{ target: userType, computed: upper, attribute: cn }",
        "{ target: userType, attribute: 'cn;lang-' }",
        "{ target: userType, attribute: 'cn;lang-ja;x-a' }",
      ),
    );
    const name =
      "is malformed, expected the name of an LDAP attribute, with no option but a language (cn;lang-ja)";
    expect(error.message.split("\n")).toEqual([
      "own.yaml has 6 problems:",
      "  resourceTypes.User.flows[0]: has an attribute, expected none: accountActive looks at userAccountControl, accountExpires (line 6)",
      "  resourceTypes.User.flows[1]: has no attribute, expected the one that sid is of (line 7)",
      "  resourceTypes.User.flows[2]: has both constant and computed, expected one of attribute, computed, expression and constant (line 8)",
      "  resourceTypes.User.flows[3].computed: is not known, expected one of accountEnabled, accountActive, accountUsable, primarySmtpAddress, otherSmtpAddresses, country, guid, uuid, sid, dateTime, base64, photo (line 9)",
      `  resourceTypes.User.flows[4].attribute: ${name} (line 10)`,
      `  resourceTypes.User.flows[5].attribute: ${name} (line 11)`,
    ]);
  });

  it("needs both resource types, object classes and flows", () => {
    const text = "version: 1\nresourceTypes:\n  User: { objectClasses: [], flows: [] }\n";
    expect(refusal(text).message.split("\n")).toEqual([
      "own.yaml has 3 problems:",
      "  resourceTypes.Group: is missing, expected a section with objectClasses, flows (line 2)",
      "  resourceTypes.User.objectClasses: has too few, expected a list of 1 to 20 names of object classes (line 3)",
      "  resourceTypes.User.flows: has too few, expected a list of 1 to 200 flows (line 3)",
    ]);
  });

  it("that is not YAML is refused with line and column", () => {
    expect(refusal("version: 1\nversion: 1\n").message).toBe(
      "own.yaml is not valid YAML:\n  line 2, column 1: the option is given twice, expected it once",
    );
  });

  it("is read where the configuration names it, and its mistakes bear its name", async () => {
    await writeFile(join(folder, "own.yaml"), withFlows("{ target: userName }"));
    const text = `version: 1
bus: { connectionString: "\${env:BUS}", requestQueue: a, replyQueues: [b] }
directories:
  - name: company
    kind: openLdap
    urls: ["ldaps://dc1"]
    baseDn: dc=com
    bind: { dn: cn=sync, password: "\${env:PASSWORD}" }
    mapping: own.yaml
`;
    await expect(parseConfig(text, { file: join(folder, "agent.yaml") })).rejects.toMatchObject({
      code: "mapping.invalid",
      message: `${join(folder, "own.yaml")} has 1 problem:\n  resourceTypes.User.flows[0]: has no source, expected one of attribute, computed, expression and constant (line 6)`,
    });
  });

  it("that cannot be read is named", async () => {
    await writeFile(join(folder, "large.yaml"), `#${"x".repeat(1024 * 1024)}`);
    const messages: unknown[] = [];
    for (const name of ["missing.yaml", "large.yaml"]) {
      await loadMapping({ kind: "file", path: join(folder, name) }).catch((error: AgentError) =>
        messages.push([error.code, error.message.replace(folder, "…")]),
      );
    }
    expect(messages).toEqual([
      ["mapping.invalid", "…/missing.yaml cannot be read (ENOENT)"],
      ["mapping.invalid", "…/large.yaml is larger than 1048576 bytes"],
    ]);
  });
});

describe("the name of a mapping", () => {
  it("is that of one that comes with the agent, or a path", () => {
    const names = ["openldap", "./openldap", "own.yaml", "own.YML", "C:\\own", "activeDirectory"];
    expect(names.map(parseMappingReference)).toEqual([
      { kind: "shipped", name: "openldap" },
      { kind: "file", path: "./openldap" },
      { kind: "file", path: "own.yaml" },
      { kind: "file", path: "own.YML" },
      { kind: "file", path: "C:\\own" },
      undefined,
    ]);
  });
});

describe("the mappings that come with the agent", () => {
  it("are those in the folder", async () => {
    const files = await readdir("config/mappings");
    expect(files.sort()).toEqual(SHIPPED_MAPPINGS.map((name) => `${name}.yaml`).sort());
  });

  it("are accepted by the core", async () => {
    for (const name of SHIPPED_MAPPINGS) {
      const compiled = compileMapping(await loadMapping({ kind: "shipped", name }));
      expect(compiled.User.flows.length).toBeGreaterThan(1);
    }
  });

  it("have in active-directory what user and group hold, and what follows from it", async () => {
    const { User, Group } = await loadMapping({ kind: "shipped", name: "active-directory" });
    expect([User.objectClasses, lines(User.flows)]).toEqual([
      ["user"],
      [
        "userName <- userPrincipalName",
        "active <- accountActive",
        "displayName <- displayName",
        "name.formatted <- cn",
        "name.familyName <- sn",
        "name.givenName <- givenName",
        "name.middleName <- middleName",
        "nickName <- mailNickname",
        "title <- title",
        "userType <- employeeType",
        "preferredLanguage <- preferredLanguage",
        'emails[type eq "work"].value <- mail',
        'emails[type eq "other"].value <- otherSmtpAddresses',
        'phoneNumbers[type eq "work"].value <- telephoneNumber',
        'phoneNumbers[type eq "mobile"].value <- mobile',
        'phoneNumbers[type eq "fax"].value <- facsimileTelephoneNumber',
        'phoneNumbers[type eq "pager"].value <- pager',
        'phoneNumbers[type eq "home"].value <- homePhone',
        'addresses[type eq "work"].streetAddress <- streetAddress',
        'addresses[type eq "work"].locality <- l',
        'addresses[type eq "work"].postalCode <- postalCode',
        'addresses[type eq "work"].region <- st',
        'addresses[type eq "work"].country <- country',
        'addresses[type eq "other"].formatted <- physicalDeliveryOfficeName',
        "enterprise:2.0:User:employeeNumber <- employeeID",
        "enterprise:2.0:User:department <- department",
        "enterprise:2.0:User:division <- division",
        "enterprise:2.0:User:organization <- company",
        "enterprise:2.0:User:manager <- manager",
      ],
    ]);
    expect([Group.objectClasses, lines(Group.flows)]).toEqual([
      ["group"],
      ["displayName <- cn", "members <- member"],
    ]);
    const compiled = compileMapping({ User, Group });
    const { User: user, Group: group } = compiled;
    expect([changeTimes(user).length > 0, changeTimes(group).length > 0]).toEqual([true, false]);
    expect([readsVolatile(user), readsVolatile(group)]).toEqual([[], []]);
  });

  it("have in openldap what inetOrgPerson and groupOfNames hold", async () => {
    const { User, Group } = await loadMapping({ kind: "shipped", name: "openldap" });
    expect([User.objectClasses, lines(User.flows)]).toEqual([
      ["inetOrgPerson"],
      [
        "userName <- uid",
        "active <- true",
        "displayName <- displayName",
        "name.formatted <- cn",
        "name.familyName <- sn",
        "name.givenName <- givenName",
        "title <- title",
        "userType <- employeeType",
        "preferredLanguage <- preferredLanguage",
        'emails[type eq "work"].value <- mail',
        'phoneNumbers[type eq "work"].value <- telephoneNumber',
        'phoneNumbers[type eq "mobile"].value <- mobile',
        'phoneNumbers[type eq "fax"].value <- facsimileTelephoneNumber',
        'addresses[type eq "work"].streetAddress <- street',
        'addresses[type eq "work"].locality <- l',
        'addresses[type eq "work"].postalCode <- postalCode',
        'addresses[type eq "work"].region <- st',
        "enterprise:2.0:User:employeeNumber <- employeeNumber",
        "enterprise:2.0:User:department <- departmentNumber",
        "enterprise:2.0:User:organization <- o",
        "enterprise:2.0:User:manager <- manager",
      ],
    ]);
    expect([Group.objectClasses, lines(Group.flows)]).toEqual([
      ["groupOfNames"],
      ["displayName <- cn", "members <- member"],
    ]);
  });
});
