import { describe, expect, it } from "vitest";
import {
  allOf,
  anyOf,
  EVERY_ENTRY,
  type LdapFilter,
  printLdapFilter,
} from "../../agent/core/ldap-filter.ts";

const ada: LdapFilter = { kind: "equality", attribute: "uid", value: "ada" };
const bob: LdapFilter = { kind: "equality", attribute: "uid", value: "bob" };

describe("allOf and anyOf", () => {
  it("let one filter stand for itself", () => {
    expect([allOf([ada]), anyOf([ada])]).toEqual([ada, ada]);
  });

  it("join several", () => {
    expect(allOf([ada, bob])).toEqual({ kind: "and", filters: [ada, bob] });
    expect(anyOf([ada, bob])).toEqual({ kind: "or", filters: [ada, bob] });
  });

  it("match every entry for all of none, and have no filter for any of none", () => {
    expect(allOf([])).toBe(EVERY_ENTRY);
    expect(() => anyOf([])).toThrow(RangeError);
  });
});

describe("printLdapFilter", () => {
  it.each<readonly [LdapFilter, string]>([
    [EVERY_ENTRY, "(objectClass=*)"],
    [
      allOf([ada, { kind: "not", filter: anyOf([bob, EVERY_ENTRY]) }]),
      "(&(uid=ada)(!(|(uid=bob)(objectClass=*))))",
    ],
    [{ kind: "greaterOrEqual", attribute: "uSNChanged", value: "5" }, "(uSNChanged>=5)"],
    [{ kind: "lessOrEqual", attribute: "uSNChanged", value: "5" }, "(uSNChanged<=5)"],
    [
      { kind: "substrings", attribute: "cn", initial: "a", any: ["b", "c"], final: "d" },
      "(cn=a*b*c*d)",
    ],
    [{ kind: "substrings", attribute: "cn", any: ["b"] }, "(cn=*b*)"],
    [{ kind: "substrings", attribute: "cn", final: "b" }, "(cn=*b)"],
    [{ kind: "substrings", attribute: "cn", initial: "*)(" }, "(cn=\\2a\\29\\28*)"],
    [
      { kind: "equality", attribute: "objectGUID", value: Uint8Array.from([0, 10, 255]) },
      "(objectGUID=\\00\\0a\\ff)",
    ],
    [
      { kind: "equality", attribute: "cn", value: "a)(uid=*)\\\u0000é" },
      "(cn=a\\29\\28uid=\\2a\\29\\5c\\00é)",
    ],
  ])("prints %j as RFC 4515 has it", (filter, text) => {
    expect(printLdapFilter(filter)).toBe(text);
  });
});
