import { describe, expect, it } from "vitest";
import { orderSrvRecords, srvNames } from "../../agent/directory/srv-records.ts";

const record = (name: string, priority = 0, weight = 100) => ({
  name,
  port: 389,
  priority,
  weight,
});

describe("the names of SRV records", () => {
  const domain = "ad.example.com";
  const cases = [
    ["openLdap", undefined, false, ["_ldap._tcp.ad.example.com"]],
    ["activeDirectory", undefined, false, ["_ldap._tcp.dc._msdcs.ad.example.com"]],
    [
      "activeDirectory",
      "Oslo",
      false,
      ["_ldap._tcp.Oslo._sites.dc._msdcs.ad.example.com", "_ldap._tcp.dc._msdcs.ad.example.com"],
    ],
    ["activeDirectory", undefined, true, ["_gc._tcp.ad.example.com"]],
    [
      "activeDirectory",
      "Oslo",
      true,
      ["_gc._tcp.Oslo._sites.ad.example.com", "_gc._tcp.ad.example.com"],
    ],
  ] as const;
  for (const [kind, site, globalCatalog, names] of cases) {
    it(`of ${kind}${site ? " with a site" : ""}${globalCatalog ? ", global catalog" : ""}: ${names[0]}`, () => {
      expect(srvNames({ domain, site }, { kind, globalCatalog })).toEqual(names);
    });
  }
});

describe("the order of SRV records", () => {
  const namesOf = (records: readonly { readonly name: string }[]) =>
    records.map(({ name }) => name);

  it("is by priority first, whatever the weights are", () => {
    const records = [record("c", 2, 900), record("a", 0, 1), record("b", 1, 900)];
    for (const drawn of [0, 0.5, 0.999]) {
      expect(namesOf(orderSrvRecords(records, () => drawn))).toEqual(["a", "b", "c"]);
    }
  });

  it("follows the weights among equals", () => {
    const records = [record("light", 0, 10), record("heavy", 0, 90)];
    const first: Record<string, number> = { light: 0, heavy: 0 };
    for (let at = 0; at < 1000; at++) {
      const [name = ""] = namesOf(orderSrvRecords(records, () => at / 1000));
      first[name] = (first[name] ?? 0) + 1;
    }
    // Of the drawn 0 to 100, 11 are the light one's.
    expect(first).toEqual({ light: 109, heavy: 891 });
  });

  it("leaves those without weight a small chance", () => {
    const records = [record("heavy", 0, 50), record("none", 0, 0)];
    expect(namesOf(orderSrvRecords(records, () => 0))).toEqual(["none", "heavy"]);
    expect(namesOf(orderSrvRecords(records, () => 0.02))).toEqual(["heavy", "none"]);
  });

  it("takes records that all have no weight", () => {
    const records = [record("a", 0, 0), record("b", 0, 0)];
    expect(namesOf(orderSrvRecords(records, () => 0.999))).toEqual(["a", "b"]);
  });

  it("leaves out the record that says that there is no such service", () => {
    expect(orderSrvRecords([record("."), record("")], () => 0)).toEqual([]);
  });
});
