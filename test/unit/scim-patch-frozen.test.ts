import { afterAll, expect, it } from "vitest";
import { applyPatch } from "../../agent/core/scim/patch.ts";
import { parsePatch } from "../../agent/core/scim/patch-operation.ts";
import {
  ENTERPRISE_USER_SCHEMA,
  PATCH_OP_MESSAGE,
  USER_SCHEMA,
} from "../../agent/core/scim/urn.ts";

const MEMBERS = Object.getOwnPropertyNames(Object.prototype);
const descriptors = new Map(
  MEMBERS.map((name) => [name, Object.getOwnPropertyDescriptor(Object.prototype, name)]),
);

/** As on a frozen prototype, but to be undone: what is written to it throws. */
function sealPrototype(writable: boolean): void {
  for (const [name, descriptor] of descriptors) {
    if (descriptor?.value !== undefined) {
      Object.defineProperty(Object.prototype, name, { ...descriptor, writable });
    }
  }
}

afterAll(() => sealPrototype(true));

it("patches in a process whose Object.prototype cannot be written to", () => {
  const resource = { schemas: [USER_SCHEMA], id: "1", userName: "ada" };
  const Operations = JSON.parse(
    `[{"op": "add", "value": {"constructor": {"prototype": {"x": 1}}, "toString": "x", "title": "t",
       "${ENTERPRISE_USER_SCHEMA}": {"valueOf": "x", "department": "D"},
       "emails": [{"hasOwnProperty": "x", "value": "a"}]}}]`,
  );
  sealPrototype(false);
  try {
    const operations = parsePatch({ schemas: [PATCH_OP_MESSAGE], Operations });
    const outcome = applyPatch(resource, operations, { resourceType: "User", profile: "entra" });
    sealPrototype(true);
    expect(outcome.resource).toEqual({
      ...resource,
      schemas: [USER_SCHEMA, ENTERPRISE_USER_SCHEMA],
      title: "t",
      [ENTERPRISE_USER_SCHEMA]: { department: "D" },
      emails: [{ value: "a" }],
    });
  } finally {
    sealPrototype(true);
  }
});
