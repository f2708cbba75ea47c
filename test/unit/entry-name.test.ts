import { describe, expect, it } from "vitest";
import { type EntryName, parseEntryName } from "../../agent/core/entry-name.ts";
import { printLdapFilter } from "../../agent/core/ldap-filter.ts";

const GUID = "2c75a81e-58cb-59fc-8baf-9ea9722b6815";
const TURNED = "1ea8752c-cb58-fc59-8baf-9ea9722b6815";
const BASE64 = Buffer.from(GUID.replaceAll("-", ""), "hex").toString("base64");

function attempts(name: EntryName | undefined): readonly string[] {
  if (name?.kind !== "account") throw new Error(`${name?.kind}`);
  return name.attempts.map(({ ldapFilter }) => printLdapFilter(ldapFilter));
}

describe("what an operator types", () => {
  it.each([GUID, ` {${GUID.toUpperCase()}} `, GUID.replaceAll("-", "")])(
    "is a GUID as text, or the octets of objectGUID: %s",
    (text) => {
      expect(parseEntryName(text)).toEqual({ kind: "id", ids: [GUID, TURNED] });
    },
  );

  it("is a GUID in base64, of octets before text", () => {
    expect(parseEntryName(BASE64)).toEqual({ kind: "id", ids: [TURNED, GUID] });
  });

  it.each([
    // MS-DTYP section 2.4.2.4: the well-known SID of administrators.
    ["S-1-5-32-544", "\\01\\02\\00\\00\\00\\00\\00\\05\\20\\00\\00\\00\\20\\02\\00\\00"],
    ["s-1-0xfedcba987654-4294967295", "\\01\\01\\fe\\dc\\ba\\98\\76\\54\\ff\\ff\\ff\\ff"],
  ])("is a SID, looked for as octets and as text: %s", (text, octets) => {
    const name = parseEntryName(text);
    if (name?.kind !== "sid") throw new Error(`${name?.kind}`);
    const filter = `(|(objectSid=${octets})(sambaSID=${text.toUpperCase()}))`;
    expect(printLdapFilter(name.ldapFilter)).toBe(filter);
  });

  it.each(["S-1-281474976710656-1", "S-1-5-4294967296", "S-1-5", "S-2-5-21"])(
    "is a name when it only looks like a SID: %s",
    (text) => {
      expect(parseEntryName(text)?.kind).toBe("account");
    },
  );

  it.each(["uid=ada,dc=example", 'cn="a, b",o=x', "cn=S-1-5-21"])("is a DN: %s", (text) => {
    expect(parseEntryName(text)).toEqual({ kind: "dn", dn: text });
  });

  it("is an account's name before it is the name of anything", () => {
    expect(attempts(parseEntryName("ada"))).toEqual([
      "(|(userPrincipalName=ada)(uid=ada)(sAMAccountName=ada))",
      "(cn=ada)",
    ]);
    expect(attempts(parseEntryName("EXAMPLE\\ada"))).toEqual(["(sAMAccountName=ada)"]);
  });

  it("is a login before it is an address, and never a login with smtp: in front", () => {
    const mail = "(|(mail=a@b.c)(proxyAddresses=smtp:a@b.c))";
    expect(attempts(parseEntryName("a@b.c"))).toEqual([
      "(|(userPrincipalName=a@b.c)(uid=a@b.c)(sAMAccountName=a@b.c))",
      mail,
    ]);
    expect(attempts(parseEntryName("SMTP:a@b.c"))).toEqual([mail]);
    expect(attempts(parseEntryName("mailto:a@b.c"))).toEqual([mail]);
  });

  it("cannot become more of a filter than a value", () => {
    expect(attempts(parseEntryName("*)(uid=*"))[1]).toBe("(cn=\\2a\\29\\28uid=\\2a)");
  });

  it("is nothing when it is empty", () => {
    expect(parseEntryName(" ")).toBeUndefined();
  });
});
