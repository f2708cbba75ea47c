import { describe, expect, it } from "vitest";
import { loadMapping } from "../../agent/config/mapping-file.ts";
import {
  changeTimes,
  compileMapping,
  sourceAttributes,
} from "../../agent/core/compiled-mapping.ts";
import { COMPUTED_FUNCTIONS } from "../../agent/core/computed-value.ts";
import { printFileTime } from "../../agent/core/directory-value/file-time.ts";
import type { Value } from "../../agent/core/entry.ts";
import { mapEntry } from "../../agent/core/map-entry.ts";
import type { Flow } from "../../agent/core/mapping.ts";
import { BASE, entry, uuid } from "../support/fake-directory.ts";

const NOW = Date.parse("2026-06-01T00:00:00Z");
const GROUP = { objectClasses: ["group"], flows: [direct("displayName", "cn")] };

function direct(target: string, attribute: string): Flow {
  return { target, kind: "direct", attribute };
}

function computed(target: string, name: keyof typeof COMPUTED_FUNCTIONS, attribute?: string): Flow {
  return { target, kind: "computed", computed: name, attribute };
}

function compiled(...flows: readonly Flow[]) {
  const User = { objectClasses: ["user"], flows: [direct("userName", "uid"), ...flows] };
  return compileMapping({ User, Group: GROUP }).User;
}

function mapped(flow: Flow, attributes: Readonly<Record<string, Value | readonly Value[]>>) {
  const one = entry(`uid=a,${BASE}`, uuid(1), { uid: "a", ...attributes });
  return mapEntry(one, { mapping: compiled(flow), idOf: () => undefined, now: NOW });
}

describe("a computed flow", () => {
  it("asks for every attribute that its function reads", () => {
    expect(sourceAttributes(compiled(computed("active", "accountActive")))).toEqual([
      "uid",
      "useraccountcontrol",
      "accountexpires",
    ]);
    const title = compiled(computed("title", "sid", "objectSid"));
    expect(sourceAttributes(title)).toEqual(["uid", "objectsid"]);
    expect(changeTimes(compiled(computed("active", "accountActive")))).toEqual(["accountExpires"]);
    expect(changeTimes(title)).toEqual([]);
  });

  it.each<[string, Flow, Readonly<Record<string, Value | readonly Value[]>>, object]>([
    [
      "an account that expired today",
      computed("active", "accountActive"),
      { userAccountControl: "512", accountExpires: printFileTime(NOW) },
      { active: false },
    ],
    [
      "the primary address",
      computed('emails[type eq "work"].value', "primarySmtpAddress"),
      { proxyAddresses: ["smtp:b@x.example", "SMTP:a@x.example"], mail: "c@x.example" },
      { emails: [{ type: "work", value: "a@x.example" }] },
    ],
    [
      "mail where there is no primary address",
      computed('emails[type eq "work"].value', "primarySmtpAddress"),
      { mail: "c@x.example" },
      { emails: [{ type: "work", value: "c@x.example" }] },
    ],
    [
      "all other addresses",
      computed("emails.value", "otherSmtpAddresses"),
      { proxyAddresses: ["smtp:b@x.example", "SMTP:a@x.example", "smtp:d@x.example"] },
      { emails: [{ value: "b@x.example" }, { value: "d@x.example" }] },
    ],
    [
      "a FILETIME",
      computed("title", "fileTime", "pwdLastSet"),
      { pwdLastSet: printFileTime(NOW) },
      { title: "2026-06-01T00:00:00.000Z" },
    ],
    [
      "a generalized time",
      computed("title", "generalizedTime", "whenCreated"),
      { whenCreated: "20260601000000.0Z" },
      { title: "2026-06-01T00:00:00.000Z" },
    ],
    [
      "a SID",
      computed("title", "sid", "objectSid"),
      { objectSid: Buffer.from("010100000000000512000000", "hex") },
      { title: "S-1-5-18" },
    ],
    [
      "a GUID",
      computed("title", "guid", "objectGUID"),
      { objectGUID: Buffer.from("00112233445566778899aabbccddeeff", "hex") },
      { title: "33221100-5544-7766-8899-aabbccddeeff" },
    ],
    [
      "bytes",
      computed('photos[type eq "photo"].value', "base64", "thumbnailPhoto"),
      { thumbnailPhoto: Buffer.from([255, 216]) },
      { photos: [{ type: "photo", value: "/9g=" }] },
    ],
    [
      "a country",
      computed('addresses[type eq "work"].country', "countryCode", "c"),
      { c: "de" },
      { addresses: [{ type: "work", country: "DE" }] },
    ],
  ])("makes a value of %s", (_, flow, attributes, expected) => {
    expect(mapped(flow, attributes)).toMatchObject({ kind: "resource", resource: expected });
  });

  it.each<[Flow, Readonly<Record<string, Value | readonly Value[]>>]>([
    [computed("title", "fileTime", "pwdLastSet"), { pwdLastSet: "0" }],
    [computed("title", "fileTime", "pwdLastSet"), { pwdLastSet: "9223372036854775807" }],
    [computed("title", "fileTime", "pwdLastSet"), {}],
    [computed("title", "sid", "objectSid"), { objectSid: [""] }],
    [computed('emails[type eq "work"].value', "primarySmtpAddress"), {}],
  ])("leaves its target out when there is none", (flow, attributes) => {
    const result = mapped(flow, attributes);
    expect(result).toMatchObject({ kind: "resource" });
    expect(JSON.stringify(result)).not.toMatch(/title|emails/);
  });

  it.each<[Flow, Readonly<Record<string, Value>>, object]>([
    [
      computed("active", "accountActive"),
      { userAccountControl: "yes" },
      {
        attribute: "active",
        rule: "active <- accountActive()",
        reason: "is made of what holds no number",
      },
    ],
    [
      computed("title", "sid", "objectSid"),
      { objectSid: "S-1-5-18" },
      { attribute: "title", rule: "title <- sid(objectSid)" },
    ],
    [
      computed('addresses[type eq "work"].country', "countryCode", "c"),
      { c: "Germany" },
      { reason: "is made of a value of another form" },
    ],
  ])("is a problem of the entry when its source makes no sense", (flow, attributes, problem) => {
    expect(mapped(flow, attributes)).toMatchObject({ kind: "problem", problem });
  });

  it.each<[Flow, RegExp]>([
    [computed("title", "sid"), /is computed by sid, which needs an attribute/],
    [computed("active", "accountActive", "x"), /takes no attribute/],
    [computed("title", "accountActive"), /takes a string, not the boolean of accountActive/],
    [computed("active", "sid", "objectSid"), /takes a boolean, not the string of sid/],
    [
      computed("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "sid", "x"),
      /is a reference and cannot be computed/,
    ],
  ])("is refused at load where it cannot work", (flow, message) => {
    expect(() => compiled(flow)).toThrow(message);
  });

  it("never fails, whatever an attribute holds", () => {
    const odd: readonly Value[] = ["", "x", "-1", "\u0000", new Uint8Array(0), new Uint8Array(40)];
    for (const fn of Object.values(COMPUTED_FUNCTIONS)) {
      for (const value of odd) {
        const names = fn.sources ?? ["a"];
        const one = entry(BASE, uuid(1), Object.fromEntries(names.map((name) => [name, [value]])));
        const made = fn.compute(one, { attribute: "a", now: NOW });
        expect("reason" in made || made.every((text) => typeof text !== "object")).toBe(true);
      }
    }
  });
});

it("maps a user of Active Directory as the shipped mapping says", async () => {
  const { User, Group } = compileMapping(
    await loadMapping({ kind: "shipped", name: "active-directory" }),
  );
  const ada = entry(`CN=Ada,${BASE}`, uuid(1), {
    userPrincipalName: "ada@example.com",
    userAccountControl: "512",
    accountExpires: "0",
    displayName: "Ada Lovelace",
    givenName: "Ada",
    sn: "Lovelace",
    proxyAddresses: ["SMTP:ada@example.com", "smtp:al@example.com"],
    c: "GB",
    l: "London",
    employeeID: "42",
    manager: `CN=Babbage,${BASE}`,
  });
  const idOf = () => uuid(2);
  expect(mapEntry(ada, { mapping: User, idOf, now: NOW })).toEqual({
    kind: "resource",
    resource: {
      schemas: [
        "urn:ietf:params:scim:schemas:core:2.0:User",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
      ],
      id: uuid(1),
      externalId: uuid(1),
      meta: { resourceType: "User" },
      userName: "ada@example.com",
      active: true,
      displayName: "Ada Lovelace",
      name: { formatted: "Ada Lovelace", givenName: "Ada", familyName: "Lovelace" },
      emails: [{ type: "work", value: "ada@example.com" }],
      addresses: [{ type: "work", locality: "London", country: "GB" }],
      "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
        employeeNumber: "42",
        manager: { value: uuid(2) },
      },
    },
  });
  const staff = entry(`CN=Staff,${BASE}`, uuid(3), { cn: "Staff", member: [ada.dn] });
  expect(mapEntry(staff, { mapping: Group, idOf, now: NOW })).toMatchObject({
    resource: { displayName: "Staff", members: [{ value: uuid(2) }] },
  });
});
