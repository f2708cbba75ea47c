import { createCompany } from "../../agent/sim/company/company.ts";
import { DEFAULT_BASE_DN } from "../../agent/sim/company/landmark.ts";
import type { companyToLdif } from "../../agent/sim/company/ldif.ts";
import { SAMBA_BASE } from "./samba-domain.ts";

type Entry = Parameters<typeof companyToLdif>[0] extends Iterable<infer One> ? One : never;

/** What Active Directory's schema has as well. */
const KEPT = [
  ...["sn", "givenName", "displayName", "mail", "employeeNumber", "employeeType", "title"],
  ...["l", "postalCode", "telephoneNumber", "mobile", "preferredLanguage", "description"],
];
/** Entries of a class that Active Directory does not have, or has already. */
const LEFT = new Set(["account", "dcObject"]);

/** The company of the demo as a domain holds it; who is pointed at comes before who points. */
export function* sambaCompany(people: number): Generator<Entry> {
  const all = [...createCompany({ people })].filter((entry) => !LEFT.has(classOf(entry)));
  const waiting = new Map(all.map((entry) => [entry.dn, entry]));
  const known = new Set(waiting.keys());
  const done = new Set<string>();
  function* add(entry: Entry): Generator<Entry> {
    if (!waiting.delete(entry.dn)) return;
    for (const dn of [
      ...(entry.attributes["manager"] ?? []),
      ...(entry.attributes["member"] ?? []),
    ]) {
      const target = waiting.get(dn);
      if (target !== undefined) yield* add(target);
    }
    const { member = [], ...attributes } = attributesOf(entry, known);
    // Of two groups that are members of each other, the first one cannot name the second yet.
    const there = member.filter((dn) => done.has(dn));
    const dn = dnOf(entry.dn);
    done.add(dn);
    yield { dn, attributes: there.length === 0 ? attributes : { ...attributes, member: there } };
  }
  const units = all.filter((entry) => classOf(entry) === "organizationalUnit");
  for (const entry of [...units, ...all]) yield* add(entry);
}

function classOf({ attributes }: Entry): string {
  return attributes["objectClass"]?.[0] ?? "";
}

/** `uid` names nothing there, and no entry has two names: the second one is put behind the first. */
function dnOf(dn: string): string {
  const [, first = "", second = ""] =
    /^((?:\\.|[^\\,+])+)\+[^=]+=((?:\\.|[^\\,+])+)/.exec(dn) ?? [];
  const rest = dn.slice(dn.search(/(?<!\\),/));
  const single = first === "" ? dn : `${first} ${second}${rest}`;
  return single.replace(DEFAULT_BASE_DN, SAMBA_BASE).replace(/^uid=/, "cn=");
}

function attributesOf(
  entry: Entry,
  known: ReadonlySet<string>,
): Readonly<Record<string, readonly string[]>> {
  const { attributes } = entry;
  const objectClass = classOf(entry);
  if (objectClass === "organizationalUnit") return { objectClass: [objectClass] };
  const kept = KEPT.flatMap((name) => {
    const [value] = attributes[name] ?? [];
    return value === undefined ? [] : [[name, [value]] as const];
  });
  const linksOf = (name: string) =>
    (attributes[name] ?? []).filter((dn) => known.has(dn)).map(dnOf);
  if (objectClass === "groupOfNames") {
    const member = [...new Set(linksOf("member"))];
    return { objectClass: ["group"], ...(member.length === 0 ? {} : { member }) };
  }
  const [uid = ""] = attributes["uid"] ?? [];
  const manager = linksOf("manager");
  return {
    objectClass: ["user"],
    ...Object.fromEntries(kept),
    userPrincipalName: [`${uid}@ad.example.test`],
    userAccountControl: ["544"],
    ...(manager.length === 0 ? {} : { manager }),
  };
}
