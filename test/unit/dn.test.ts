import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dnDepth, dnKey, isUnder, parseDn } from "../../agent/core/dn.ts";
import { parseExtendedDn } from "../../agent/core/extended-dn.ts";

const ada = "uid=ada,ou=people,dc=example,dc=com";

describe("dnKey", () => {
  it.each([
    ["letter case of types and values", "UID=Ada,OU=People,DC=Example,DC=Com"],
    ["spaces around separators", " uid = ada , ou = people ,dc=example,  dc=com "],
    ["a semicolon as separator", "uid=ada;ou=people;dc=example;dc=com"],
    ["escaped letters", "uid=\\61\\64a,ou=people,dc=example,dc=com"],
    ["quotes", 'uid="ada",ou="people" ,dc=example,dc=com'],
    ["names of attribute types", "userid=ada,organizationalUnitName=people,dc=example,dc=com"],
    [
      "object identifiers of attribute types",
      "0.9.2342.19200300.100.1.1=ada,2.5.4.11=people,OID.0.9.2342.19200300.100.1.25=example,domainComponent=com",
    ],
    ["full-width letters", "uid=ａｄａ,ou=people,dc=example,dc=com"],
    [
      "GUID and SID in front of it",
      "<GUID=069cf1a5-dfe3-4226-bcad-f0f3bc787c54>;<SID=S-1-5-32-544>;UID=Ada,ou=people,dc=example,dc=com",
    ],
    [
      "GUID in hexadecimal digits",
      "<GUID=a5f19c06e3df2642bcadf0f3bc787c54>;uid=ada, ou=people,dc=example,dc=com",
    ],
  ])("is the same whatever the %s", (_, spelling) => {
    expect(dnKey(spelling)).toBe(dnKey(ada));
  });

  it.each([
    ["an escaped comma in two ways", "cn=Lovelace\\, Ada,dc=a", "cn=Lovelace\\2C Ada,dc=a"],
    ["a quoted comma", 'cn="Lovelace, Ada",dc=a', "cn=Lovelace\\2c Ada,dc=a"],
    ["an escaped plus", "cn=a\\+b,dc=a", "cn=a\\2Bb,dc=a"],
    ["an escaped backslash", "cn=a\\\\b,dc=a", "cn=a\\5Cb,dc=a"],
    ["bytes of a letter", "cn=Z\\C3\\BCrich,dc=a", "cn=Zürich,dc=a"],
    ["bytes of a letter in other case", "cn=Z\\c3\\9crich,dc=a", "cn=Zürich,dc=a"],
    ["combining marks", "cn=Zu\u0308rich,dc=a", "cn=Z\u00fcrich,dc=a"],
    ["white space in a row", "cn=Ada   Lovelace,dc=a", "cn=Ada Lovelace,dc=a"],
    [
      "the line feed of a conflict object",
      "CN=Ada\\0ACNF:069cf1a5-dfe3-4226-bcad-f0f3bc787c54,DC=a",
      "cn=Ada\ncnf:069CF1A5-DFE3-4226-BCAD-F0F3BC787C54,dc=a",
    ],
    ["quotes around a line feed", 'cn="a\\0Ab",dc=a', "cn=a\\0ab,dc=a"],
    ["spaces at the ends, escaped or not", "cn=\\ Ada\\ ,dc=a", "cn=Ada ,dc=a"],
    ["the order of a multi-valued RDN", "cn=Ada+uid=a1,dc=a", "UID=A1 + CN=ada,dc=a"],
    ["the case of hex values", "1.3.6.1=#04024aFf,dc=a", "1.3.6.1=#04024Aff,dc=a"],
    ["a final sigma", "ou=ΠΩΛΗΣΕΙΣ,dc=a", "ou=πωλησεισ,dc=a"],
    ["a final sigma in lower case", "ou=πωλησεις,dc=a", "ou=ΠΩΛΗΣΕΙΣ,dc=a"],
    ["Cyrillic letter case", "ou=ОТДЕЛ,dc=a", "ou=отдел,dc=a"],
  ])("evens out %s", (_, a, b) => {
    expect(dnKey(a)).toBe(dnKey(b));
  });

  it.each([
    ["a comma in a value and one between RDNs", "cn=a\\,dc=b", "cn=a,dc=b"],
    ["a plus in a value and a second type", "cn=a\\+uid=b,dc=c", "cn=a+uid=b,dc=c"],
    ["an escaped escape and an escape", "cn=a\\\\2cb,dc=c", "cn=a\\2cb,dc=c"],
    ["a backslash-2c text and a comma", "cn=a\\5c2cb,dc=c", "cn=a\\,b,dc=c"],
    ["another order of RDNs", "ou=a,ou=b", "ou=b,ou=a"],
    ["one RDN of two values and two RDNs", "cn=a+uid=b", "cn=a,uid=b"],
    ["another type", "cn=a,dc=b", "ou=a,dc=b"],
    ["accents", "cn=José,dc=b", "cn=Jose,dc=b"],
    ["a space within", "cn=ada lovelace", "cn=adalovelace"],
    ["a conflict object and the one that kept the name", "cn=a\\0ACNF:b,dc=c", "cn=a,dc=c"],
    ["a conflict object and a deleted one", "cn=a\\0ACNF:b,dc=c", "cn=a\\0ADEL:b,dc=c"],
    ["a hex value and the text that looks like it", "1.2=#0402,dc=b", "1.2=\\#0402,dc=b"],
    ["look-alike letters of another script", "ou=раураl,dc=b", "ou=paypal,dc=b"],
  ])("tells apart %s", (_, a, b) => {
    expect(dnKey(a)).not.toBe(dnKey(b));
  });

  it("gives the same keys however many other parents it has seen", () => {
    const dns = Array.from({ length: 5000 }, (_, n) => `cn=É,ou=Ä${n}, dc=a`);
    const keys = dns.map(dnKey);
    expect(keys).toEqual(dns.map((_, n) => `cn=é,ou=ä${n},dc=a`));
    expect(dns.map(dnKey)).toEqual(keys);
  });

  it("gives a long DN the key that its shorter spelling has", () => {
    const ous = Array.from({ length: 300 }, (_, n) => `ou=é${n}`);
    expect(dnKey(ous.join(",          "))).toBe(dnKey(ous.join(",")));
    expect(dnKey(ous.join(","))).toBe(ous.join(","));
  });

  it("gives text that is no DN a key that no DN has", () => {
    const guid = "<GUID=a5f19c06e3df2642bcadf0f3bc787c54>";
    const texts = [
      ...["ada", "uid", ",", "=x", "uid=a,", "uid=a,,dc=b", "u id=a", "uid=\\", 'uid="a'],
      ...[guid, `${guid};`, `${guid}; `, `${guid};${guid};dc=a`, `${guid}dc=a`, "<GUID=a5>;dc=a"],
      ...["<SID=S-1-5>;dc=a", "<WKGUID=a5f1,dc=a>", "<", "<>;dc=a", "<dc=a"],
    ];
    for (const text of texts) {
      expect(parseDn(text), text).toBeUndefined();
      expect(dnKey(text), text).toBe(`\u0000${text}`);
    }
  });

  it("is empty for the empty DN", () => {
    expect([dnKey(""), dnKey("  "), dnDepth(dnKey(" "))]).toEqual(["", "", 0]);
  });
});

describe("isUnder", () => {
  const under = (dn: string, ancestor: string) => isUnder(dnKey(dn), dnKey(ancestor));

  it("holds for the entry itself and for everything below it", () => {
    expect(under("ou=X,dc=a", "OU=x, DC=a")).toBe(true);
    expect(under("cn=y,ou=X,dc=a", "ou=x,dc=a")).toBe(true);
    expect(under("cn=z,cn=y,ou=X,dc=a", "ou=x,dc=a")).toBe(true);
    expect(under("cn=y,ou=X,dc=a", "")).toBe(true);
  });

  it.each([
    ["a type that ends alike", "xou=X,dc=a", "ou=X,dc=a"],
    ["a value that ends alike", "dc=ba", "dc=a"],
    ["a parent", "dc=a", "ou=X,dc=a"],
    ["a sibling", "ou=Y,dc=a", "ou=X,dc=a"],
    ["an escaped comma before the suffix", "cn=y\\,ou=X,dc=a", "ou=X,dc=a"],
    ["an escaped comma before the whole suffix", "cn=y\\,ou\\=X\\,dc\\=a", "ou=X,dc=a"],
    ["a quoted comma before the suffix", 'cn="y,ou=X,dc=a"', "ou=X,dc=a"],
    ["a hex comma before the suffix", "cn=y\\2cou=X,dc=a", "ou=X,dc=a"],
    ["a backslash and a comma in the value", "cn=y\\5c\\2cou=X,dc=a", "ou=X,dc=a"],
    ["a second value of the same RDN", "cn=y+ou=X,dc=a", "ou=X,dc=a"],
    ["text that is no DN", "garbage,ou=x,dc=a", "ou=x,dc=a"],
    ["text that is no DN under everything", "garbage", ""],
    ["a base that is an id alone", "cn=y,ou=X,dc=a", "<GUID=a5f19c06e3df2642bcadf0f3bc787c54>"],
  ])("is not fooled by %s", (_, dn, ancestor) => {
    expect(under(dn, ancestor)).toBe(false);
  });
});

describe("parseDn", () => {
  it("gives types in lower case and values unescaped, leaf first", () => {
    expect(parseDn('CN=Lovelace\\, "Ada\\"+uid=a\\20 , OU="R+D; <x>" ;dc=\\E4\\BA\\AC')).toEqual([
      [
        { type: "cn", value: 'Lovelace, "Ada"' },
        { type: "uid", value: "a " },
      ],
      [{ type: "ou", value: "R+D; <x>" }],
      [{ type: "dc", value: "京" }],
    ]);
  });

  it("keeps an escaped space at the end and no other one, whatever bytes stand before it", () => {
    expect(parseDn("cn=\\C3\\A9  ")).toEqual([[{ type: "cn", value: "é" }]]);
    expect(parseDn("cn=\\C3\\A9\\20 ")).toEqual([[{ type: "cn", value: "é " }]]);
    expect(parseDn("cn=a\\   ")).toEqual([[{ type: "cn", value: "a " }]]);
  });

  it("takes an empty value", () => {
    expect(parseDn("cn=,dc=a")).toEqual([
      [{ type: "cn", value: "" }],
      [{ type: "dc", value: "a" }],
    ]);
  });

  it.each(["cn=#", "cn=#0", "cn=#04zz", "cn=#0401 x", 'cn="a"b', 'cn="a', "cn=a\\", "1,2"])(
    "refuses %s",
    (text) => {
      expect(parseDn(text)).toBeUndefined();
    },
  );

  it("takes a hex value to the next separator, spaces after it aside", () => {
    expect(parseDn("1.2=#0A0b ,dc=a")?.[0]).toHaveLength(1);
    expect(dnKey("1.2=#0A0b ,dc=a")).toBe(dnKey("1.2=#0a0B;dc=a"));
  });

  it("reads hostile text in linear time", () => {
    const started = performance.now();
    for (const text of [
      "cn=a ".repeat(50_000),
      "cn=a,".repeat(50_000),
      "cn=a+".repeat(50_000),
      `cn=${"\\41".repeat(50_000)}`,
      `cn="${"a".repeat(200_000)}`,
      `cn=${" ".repeat(200_000)}x`,
      `cn=#${"0".repeat(200_001)}`,
    ]) {
      dnKey(text);
    }
    expect(performance.now() - started).toBeLessThan(3000);
  });
});

const plainValue = fc.stringMatching(/^[A-Za-z0-9._@'-]{1,6}( [A-Za-z0-9._@'-]{1,6}){0,2}$/);
const plainType = fc.constantFrom("cn", "OU", "dc", "Uid", "o", "c", "l", "st");
const plainRdns = fc.array(fc.tuple(plainType, plainValue), { minLength: 1, maxLength: 5 });
const anyValue = fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 });
const anyRdns = fc.array(fc.tuple(plainType, anyValue), { minLength: 1, maxLength: 4 });

type Rdns = readonly (readonly [string, string])[];
const escapeAll = (value: string) =>
  [...Buffer.from(value, "utf8")].map((byte) => `\\${byte.toString(16).padStart(2, "0")}`).join("");
const escapeNeeded = (value: string) =>
  value.replace(/[,+"\\<>;=]/g, "\\$&").replace(/^[ #]|(?<!\\) $/g, "\\$&");
const print = (rdns: Rdns, value: (text: string) => string, comma = ",") =>
  rdns.map(([type, text]) => `${type}=${value(text)}`).join(comma);

describe("dnKey, as properties", () => {
  it("is the same for every order and spelling of a multi-valued RDN, and another without one value", () => {
    const avas = fc.uniqueArray(fc.tuple(plainType, anyValue), {
      minLength: 2,
      maxLength: 4,
      selector: ([type]) => type.toLowerCase(),
    });
    fc.assert(
      fc.property(avas, anyRdns, (rdn, base) => {
        const parent = print(base, escapeNeeded);
        const key = dnKey(`${print(rdn, escapeNeeded, "+")},${parent}`);
        const turned = print([...rdn].reverse(), escapeAll, " + ");
        expect(dnKey(`${turned.toUpperCase()},${parent}`)).toBe(key);
        expect(dnKey(`${print(rdn.slice(1), escapeAll, "+")},${parent}`)).not.toBe(key);
        expect(isUnder(key, dnKey(parent))).toBe(true);
      }),
    );
  });

  it("gives plain DNs the key that the full parser gives them", () => {
    fc.assert(
      fc.property(plainRdns, (rdns) => {
        const fast = dnKey(print(rdns, (text) => text));
        expect(dnKey(print(rdns, (text) => text, " , "))).toBe(fast);
        expect(dnKey(print(rdns, escapeAll))).toBe(fast);
        expect(dnKey(print(rdns, (text) => `"${text}"`))).toBe(fast);
      }),
    );
  });

  it("is the same for every way to write any value", () => {
    fc.assert(
      fc.property(anyRdns, (rdns) => {
        const key = dnKey(print(rdns, escapeAll));
        expect(dnKey(print(rdns, escapeNeeded))).toBe(key);
        expect(parseDn(print(rdns, escapeAll))?.map(([ava]) => ava?.value)).toEqual(
          rdns.map(([, value]) => Buffer.from(value, "utf8").toString("utf8")),
        );
      }),
    );
  });

  it("counts the RDNs and knows every ancestor, whatever stands in the values", () => {
    fc.assert(
      fc.property(anyRdns, anyRdns, (leaf, base) => {
        const baseKey = dnKey(print(base, escapeAll));
        const key = dnKey(print([...leaf, ...base], escapeNeeded));
        expect(dnDepth(key)).toBe(leaf.length + base.length);
        expect(isUnder(key, baseKey)).toBe(true);
        expect(isUnder(baseKey, key)).toBe(false);
        expect(isUnder(dnKey(`x${print([...leaf, ...base], escapeAll)}`), key)).toBe(false);
      }),
    );
  });

  it("never puts a value's text above an entry", () => {
    fc.assert(
      fc.property(anyRdns, anyValue, (base, name) => {
        const text = print(base, escapeNeeded);
        const trick = `cn=${escapeNeeded(`${name},${text}`)}`;
        expect(isUnder(dnKey(trick), dnKey(text))).toBe(false);
      }),
    );
  });

  it("takes any text without throwing", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 30 }), (text) => {
        expect(isUnder(dnKey(text), dnKey(text))).toBe(true);
      }),
    );
  });
});

describe("the extended form of a DN", () => {
  const hex = "<GUID=a5f19c06e3df2642bcadf0f3bc787c54>";
  const sid = "<SID=01050000000000051500000051c0ae72e4e08f5e8c34c72054040000>";
  const known = {
    guid: "069cf1a5-dfe3-4226-bcad-f0f3bc787c54",
    sid: "S-1-5-21-1924055121-1586487524-549926028-1108",
  };

  it("has GUID and SID in hexadecimal digits or as text, and may end before the DN", () => {
    const dn = "CN=Staff,OU=Corp,DC=a";
    const texts = `<GUID=${known.guid.toUpperCase()}>;<sid=${known.sid}>`;
    expect(parseExtendedDn(`${hex};${sid};${dn}`)).toEqual({ ...known, dn });
    expect(parseExtendedDn(`${texts};${dn}`)).toEqual({ ...known, dn });
    expect(parseExtendedDn(`${hex};${dn}`)).toEqual({ ...known, sid: undefined, dn });
    expect(parseExtendedDn(sid)).toEqual({ ...known, guid: undefined, dn: "" });
  });

  it("is no plain DN, nothing with an id twice and nothing with an id that is none", () => {
    const others = ["", "cn=a", "<cn=a>", `${hex};${hex};cn=a`, "<GUID=zz>;cn=a", "<SID=01>;cn=a"];
    expect(others.map(parseExtendedDn)).toEqual(others.map(() => undefined));
  });

  it("leaves the key of any DN as it is", () => {
    fc.assert(
      fc.property(anyRdns, fc.boolean(), fc.boolean(), (rdns, withSid, escaped) => {
        const dn = print(rdns, escaped ? escapeAll : escapeNeeded);
        expect(dnKey(`${hex};${withSid ? `${sid};` : ""}${dn}`)).toBe(dnKey(dn));
        expect(parseExtendedDn(`${hex};${dn}`)?.dn).toBe(dn);
      }),
    );
  });
});
