import { describe, expect, it } from "vitest";
import {
  dnKey,
  parentKey,
  parseDn,
  printDn,
} from "../../agent/sim/directory/distinguished-name.ts";

describe("a distinguished name", () => {
  it.each([
    [
      "case and spaces",
      "cn=Ada Lovelace,ou=People,dc=example",
      " CN = ada   LOVELACE , OU=people, DC=Example ",
    ],
    [
      "escapes and hexadecimal",
      "cn=Smith\\, John\\+1,dc=example",
      "cn=Smith\\2C John\\2b1,dc=example",
    ],
    ["octets of UTF-8", "cn=Größe,dc=example", "cn=Gr\\c3\\b6\\C3\\9fe,dc=example"],
    ["composed and decomposed letters", "cn=Zo\u00eb,dc=example", "cn=Zoe\u0308,dc=example"],
    ["names and OIDs of types", "cn=x,l=y", "2.5.4.3=x,localityName=y"],
    ["the order of parts of an RDN", "cn=x+uid=y,dc=z", "uid=Y+cn=X,dc=z"],
    ["quotation", 'cn="Smith, John",dc=example', "cn=Smith\\, John,dc=example"],
    ["semicolons", "cn=x;dc=example", "cn=x,dc=example"],
    ["BER in hexadecimal", "cn=#04024869,dc=example", "cn=Hi,dc=example"],
    ["kinds of sigma", "cn=ΓΙΏΡΓΟΣ", "cn=γιώργος"],
  ])("is the same whatever the %s", (_, a, b) => {
    expect(dnKey(a)).toBe(dnKey(b));
  });

  it.each([
    ["a comma in a value and a separator", "cn=a\\,dc=b", "cn=a,dc=b"],
    ["a plus in a value and a second part", "cn=a\\+uid=b", "cn=a+uid=b"],
    ["a backslash and none", "cn=a\\\\b", "cn=ab"],
    ["types", "cn=x", "sn=x"],
    ["an accent and none", "cn=Zoë", "cn=Zoe"],
  ])("tells %s apart", (_, a, b) => {
    expect(dnKey(a)).not.toBe(dnKey(b));
  });

  it.each([
    "x",
    "=x",
    "cn=x,",
    "cn=x,,dc=y",
    "cn=a\\",
    "cn=a\\x",
    'cn=a"b',
    'cn="a',
    'cn="a"b',
    "cn=#0",
    "cn=#zz",
    "cn=\\ff",
    "c n=x",
  ])("is not %j", (dn) => {
    expect(() => parseDn(dn)).toThrow(
      expect.objectContaining({ result: "invalidDNSyntax", code: 34 }),
    );
  });

  it("keeps spaces and signs that are escaped at the ends", () => {
    const parsed = parseDn("cn=\\ a \\ ,ou=\\#b,o=c=d");
    expect(parsed).toEqual([
      [{ type: "cn", value: " a  " }],
      [{ type: "ou", value: "#b" }],
      [{ type: "o", value: "c=d" }],
    ]);
    expect(parseDn(printDn(parsed))).toEqual(parsed);
  });

  it("is printed as slapd prints the names of entries", () => {
    expect(printDn(parseDn('CN=Größe \\"XXL\\"\\, Ω\\+1 , OU=a\\\\b\\<c\\>\\;,DC=x'))).toBe(
      "cn=Größe \\22XXL\\22\\2C Ω\\2B1,ou=a\\5Cb\\3Cc\\3E\\3B,dc=x",
    );
  });

  it("has the name above it, up to the empty one", () => {
    const key = dnKey("cn=a\\,b,dc=c");
    expect([parentKey(key), parentKey("dc=c"), parentKey("")]).toEqual(["dc=c", "", undefined]);
  });
});
