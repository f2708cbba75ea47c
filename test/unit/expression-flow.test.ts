import { describe, expect, it } from "vitest";
import { parseMapping } from "../../agent/config/mapping-file.ts";
import {
  changeTimes,
  compileMapping,
  sourceAttributes,
} from "../../agent/core/compiled-mapping.ts";
import { AgentError } from "../../agent/core/error.ts";
import { previewFlows } from "../../agent/core/flow-preview.ts";
import { mapEntry } from "../../agent/core/map-entry.ts";
import type { Flow, Mapping } from "../../agent/core/mapping.ts";
import { entry, uuid } from "../support/fake-directory.ts";

const NOW = Date.UTC(2026, 0, 15, 12);
const ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

const flow = (target: string, expression: string): Flow => ({
  target,
  kind: "expression",
  expression,
});

function mappingOf(...flows: readonly Flow[]): Mapping {
  const userName: Flow = { target: "userName", kind: "direct", attribute: "uid" };
  const displayName: Flow = { target: "displayName", kind: "direct", attribute: "cn" };
  return {
    User: { objectClasses: ["person"], flows: [userName, ...flows] },
    Group: { objectClasses: ["groupOfNames"], flows: [displayName] },
  };
}

const ADA = {
  uid: "ada",
  givenName: " Ada ",
  sn: "Lovelace",
  mail: ["ada@example.com", "a.lovelace@example.com"],
  userAccountControl: "512",
  whenCreated: "20200102030405.0Z",
  accountExpires: "132539615990000000",
};

function map(
  attributes: Readonly<Record<string, string | readonly string[]>>,
  ...flows: readonly Flow[]
) {
  const { User } = compileMapping(mappingOf(...flows));
  return mapEntry(entry("uid=ada", uuid(1), attributes), {
    mapping: User,
    idOf: () => undefined,
    now: NOW,
  });
}

function valuesOf(...flows: readonly Flow[]): Readonly<Record<string, unknown>> {
  const mapped = map(ADA, ...flows);
  if (mapped.kind === "problem") throw new Error(mapped.problem.reason);
  return mapped.resource as unknown as Readonly<Record<string, unknown>>;
}

function problemsOf(mapping: Mapping): readonly string[] {
  try {
    compileMapping(mapping);
    return [];
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return error.message.split("\n").slice(1);
  }
}

describe("a flow with an expression", () => {
  it("writes what the expression gives, in the type of the target", () => {
    const resource = valuesOf(
      flow("displayName", 'Join(", ", [sn], Trim([givenName]))'),
      flow("active", 'Switch(BitAnd([userAccountControl], 2), "True", "2", "False")'),
      flow('emails[type eq "work"].value', "ToUpper(Item([mail], 2))"),
      flow(`${ENTERPRISE}:employeeNumber`, 'Append("E", Count([mail]))'),
    );
    expect(resource).toMatchObject({
      displayName: "Lovelace, Ada",
      active: true,
      emails: [{ type: "work", value: "A.LOVELACE@EXAMPLE.COM" }],
      [ENTERPRISE]: { employeeNumber: "E2" },
    });
  });

  it("reads attributes whatever their letter case", () => {
    expect(valuesOf(flow("title", "[GIVENNAME]"))["title"]).toBe(" Ada ");
  });

  it("makes an element of every value for a target that takes many", () => {
    expect(valuesOf(flow("emails", "ToUpper([mail])"))["emails"]).toEqual([
      { value: "ADA@EXAMPLE.COM" },
      { value: "A.LOVELACE@EXAMPLE.COM" },
    ]);
  });

  it("leaves the target out for no value, for empty text and for what is ignored", () => {
    const resource = valuesOf(
      flow("title", "[title]"),
      flow("nickName", 'Trim("  ")'),
      flow("userType", "IgnoreFlowIfNullOrEmpty([employeeType])"),
    );
    expect(Object.keys(resource)).not.toEqual(expect.arrayContaining(["title"]));
    expect([resource["title"], resource["nickName"], resource["userType"]]).toEqual([
      ...[undefined, undefined, undefined],
    ]);
  });

  it("makes the entry a problem when the expression fails, and names flow, rule and reason", () => {
    expect(
      map({ uid: "ada" }, flow("title", 'IIF(IsPresent([sn]), [sn], Error("no surname"))')),
    ).toEqual({
      kind: "problem",
      problem: {
        resourceType: "User",
        id: expect.any(String),
        attribute: "title",
        rule: 'title <- IIF(IsPresent([sn]), [sn], Error("no surname"))',
        reason: "no surname",
      },
    });
  });

  it("makes the entry a problem when the result has not the type of the target", () => {
    const mapped = map(ADA, flow("active", '"perhaps"'));
    expect(mapped).toMatchObject({
      problem: { attribute: "active", reason: "cannot be read as boolean" },
    });
  });

  it("knows the time of the read", () => {
    const days = 'DateDiff("d", DateFromNum([accountExpires]), Now())';
    expect(valuesOf(flow("title", days))["title"]).toBe("1840");
  });

  it("has its attributes read, and is worked out anew at the time that it depends on", () => {
    const timed = flow("active", 'IIF(DateFromNum([accountExpires]) > Now(), "True", "False")');
    const { User } = compileMapping(mappingOf(timed, flow("title", "Append([sn], [L])")));
    expect(sourceAttributes(User)).toEqual(["uid", "accountexpires", "sn", "l"]);
    expect(changeTimes(User)).toEqual(["accountexpires"]);
  });
});

describe("a mapping with expressions", () => {
  it("is refused for all that cannot be, each with its place", () => {
    const problems = problemsOf(
      mappingOf(
        flow("title", "Trim([title]"),
        flow("nickName", "Frob([x])"),
        flow("userType", '%Domain% & "x"'),
        flow("locale", "Guid()"),
        flow("timezone", "SelectUniqueValue([a], [b])"),
        flow(`${ENTERPRISE}:manager`, "[manager]"),
        flow("profileUrl", "[name.givenName]"),
        flow("displayName", 'Replace([cn], , "(?=(a+)+$)", , "", , )'),
      ),
    );
    const text = problems.join("\n");
    expect(text).toContain(
      "flows[1].expression: line 1, column 13: found the end of the expression",
    );
    expect(text).toContain(
      "flows[2].expression: line 1, column 1: found the unknown function Frob",
    );
    expect(text).toContain("flows[3].expression: %Domain% is a setting of a job");
    expect(text).toContain("flows[4].expression: Guid and RandomString give another value");
    expect(text).toContain("flows[5].expression: SelectUniqueValue is for");
    expect(text).toContain("flows[6].expression: ");
    expect(text).toContain("flows[7].expression: [name.givenName] is no name of an LDAP attribute");
    expect(text).toContain("flows[8].expression: line 1, column 17: the pattern");
    expect(text).toContain("can take exponential time");
  });

  it("comes from a file, over several lines too", () => {
    const text = `
version: 1
resourceTypes:
  User:
    objectClasses: [person]
    flows:
      - { target: userName, attribute: uid }
      - target: displayName
        expression: |
          IIF(IsPresent([displayName]),
              [displayName],
              [cn])
  Group:
    objectClasses: [group]
    flows: [{ target: displayName, expression: "Trim([cn])" }]
`;
    const { User } = compileMapping(parseMapping(text, "own.yaml"));
    expect(User.flows[1]?.sources).toEqual(["displayname", "cn"]);
  });
});

describe("a preview of flows", () => {
  it("says of every flow its sources, its rule and its value", () => {
    const { User } = compileMapping(
      mappingOf(
        flow("title", "Trim([givenName])"),
        flow("nickName", "[none]"),
        flow("active", '"perhaps"'),
        flow('emails[type eq "work"].value', "Item([mail], 1)"),
      ),
    );
    const options = { mapping: User, idOf: () => undefined, now: NOW };
    expect(previewFlows(entry("uid=ada", uuid(1), ADA), options)).toEqual([
      {
        target: "userName",
        rule: "uid",
        sources: [{ attribute: "uid", values: ["ada"] }],
        result: { kind: "value", value: "ada" },
      },
      {
        target: "title",
        rule: "Trim([givenName])",
        sources: [{ attribute: "givenName", values: [" Ada "] }],
        result: { kind: "value", value: "Ada" },
      },
      {
        target: "nickName",
        rule: "[none]",
        sources: [{ attribute: "none", values: [] }],
        result: { kind: "none" },
      },
      {
        target: "active",
        rule: '"perhaps"',
        sources: [],
        result: { kind: "problem", reason: "cannot be read as boolean" },
      },
      {
        target: 'emails[type eq "work"].value',
        rule: "Item([mail], 1)",
        sources: [{ attribute: "mail", values: ["ada@example.com", "a.lovelace@example.com"] }],
        result: { kind: "value", value: "ada@example.com" },
      },
    ]);
  });
});
