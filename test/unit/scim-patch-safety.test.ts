import { afterEach, describe, expect, it } from "vitest";
import { ScimError } from "../../agent/core/scim/error.ts";
import { applyPatch } from "../../agent/core/scim/patch.ts";
import { generatePatch } from "../../agent/core/scim/patch-generation.ts";
import { parsePatch } from "../../agent/core/scim/patch-operation.ts";
import type { ScimResource } from "../../agent/core/scim/resource.ts";
import { normalizeResource } from "../../agent/core/scim/resource-body.ts";
import {
  ENTERPRISE_USER_SCHEMA,
  PATCH_OP_MESSAGE,
  USER_SCHEMA,
} from "../../agent/core/scim/urn.ts";

const PROFILES = ["rfc7644", "entra"] as const;
const BEFORE = Object.getOwnPropertyNames(Object.prototype).sort();

const USER: ScimResource = {
  schemas: [USER_SCHEMA],
  id: "1",
  userName: "ada",
  name: { givenName: "Ada" },
  emails: [{ type: "work", value: "a@x" }],
};

const PATHS = [
  "__proto__",
  "__proto__.polluted",
  "constructor",
  "constructor.prototype",
  "constructor.prototype.polluted",
  "prototype.polluted",
  "name.__proto__",
  "name.constructor",
  "emails.__proto__",
  'emails[type eq "work"].__proto__',
  'emails[type eq "work"].constructor',
  'emails[type eq "new"].prototype',
  '__proto__[type eq "work"].polluted',
  'emails[__proto__ eq "x"].value',
  'emails[constructor eq "x"].value',
  `${ENTERPRISE_USER_SCHEMA}:__proto__`,
  `${ENTERPRISE_USER_SCHEMA}:constructor.prototype`,
  `${ENTERPRISE_USER_SCHEMA}.__proto__`,
  "urn:x:__proto__:polluted",
  "toString",
  "hasOwnProperty",
];

/** As JSON has it: an own member of that name. */
const HOSTILE =
  '{"polluted": true, "__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}, "prototype": {"polluted": true}';

function hostileBody(): unknown {
  return JSON.parse(
    `${HOSTILE}, "__proto__.polluted": true, "constructor.prototype.polluted": true, "name.__proto__": "x",
      "name": ${HOSTILE}, "givenName": "Ada"}, "emails": [${HOSTILE}, "type": "home", "value": "h@x"}],
      "${ENTERPRISE_USER_SCHEMA}": ${HOSTILE}, "department": "D"},
      "${USER_SCHEMA}": ${HOSTILE}}, "manager": ${HOSTILE}}}`,
  );
}

afterEach(() => {
  expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(BEFORE);
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  expect(([] as unknown as Record<string, unknown>)["polluted"]).toBeUndefined();
  expect((Object as unknown as Record<string, unknown>)["polluted"]).toBeUndefined();
});

describe.each(PROFILES)("in the profile %s", (profile) => {
  const options = { resourceType: "User", profile } as const;

  it.each(PATHS)("the path %s is refused", (path) => {
    for (const op of ["add", "replace", "remove"]) {
      const value = { polluted: true };
      const operations = parsePatch({
        schemas: [PATCH_OP_MESSAGE],
        Operations: [{ op, path, value }],
      });
      if (op === "remove" && path.startsWith("emails[constructor")) {
        expect(applyPatch(USER, operations, options).resource).toBe(USER);
      } else {
        expect(() => applyPatch(USER, operations, options)).toThrow(ScimError);
      }
    }
  });

  it("names that reach a prototype are left out of values", () => {
    const operations = parsePatch({
      schemas: [PATCH_OP_MESSAGE],
      Operations: [{ op: "add", value: hostileBody() }],
    });
    const { resource } = applyPatch(USER, operations, options);
    expect(JSON.parse(JSON.stringify(resource))).toEqual({
      ...USER,
      schemas: [USER_SCHEMA, ENTERPRISE_USER_SCHEMA],
      emails: [
        { type: "work", value: "a@x" },
        { type: "home", value: "h@x" },
      ],
      [ENTERPRISE_USER_SCHEMA]: { department: "D" },
    });
  });

  it("names that reach a prototype are left out of bodies", () => {
    const body = { ...(hostileBody() as object), userName: "ada" };
    expect(normalizeResource(body, options)).toEqual({
      schemas: [USER_SCHEMA, ENTERPRISE_USER_SCHEMA],
      userName: "ada",
      name: { givenName: "Ada" },
      emails: [{ type: "home", value: "h@x" }],
      [ENTERPRISE_USER_SCHEMA]: { department: "D" },
    });
  });

  it("a stored name that looks like the prototype stays a plain member", () => {
    const stored: ScimResource = JSON.parse(
      '{"schemas": [], "id": "1", "userName": "ada", "__proto__": {"polluted": true}}',
    );
    const operations = [{ op: "add", path: "title", value: "x" }] as const;
    const { resource } = applyPatch(stored, operations, options);
    expect(Object.getPrototypeOf(resource)).toBe(Object.prototype);
    expect(Object.hasOwn(resource, "__proto__")).toBe(true);
    expect((resource as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

it("a frozen resource is patched all the same", () => {
  const frozen = structuredClone(USER);
  for (const part of [frozen, frozen["name"], frozen["emails"], ...(frozen["emails"] as [])]) {
    Object.freeze(part);
  }
  const operations = [
    { op: "replace", path: 'emails[type eq "work"].value', value: "b@x" },
    { op: "add", path: "name", value: { familyName: "King" } },
  ] as const;
  expect(
    applyPatch(frozen, operations, { resourceType: "User", profile: "entra" }).resource,
  ).toEqual({
    ...USER,
    name: { givenName: "Ada", familyName: "King" },
    emails: [{ type: "work", value: "b@x" }],
  });
});

it("a PATCH is generated without what is hostile", () => {
  const after = hostileBody() as ScimResource;
  const messages = generatePatch(
    USER,
    { ...after, userName: "ada" },
    { resourceType: "User", style: "rfc7644" },
  );
  expect(messages.flatMap(({ Operations }) => Operations.map(({ path }) => path))).toEqual([
    "emails",
    `${ENTERPRISE_USER_SCHEMA}:department`,
  ]);
});
