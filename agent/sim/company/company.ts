import { AgentError } from "../../core/error.ts";
import { REGIONS } from "./culture.ts";
import { companyUuid } from "./draw.ts";
import { createGroups } from "./group.ts";
import { companyLandmarks, DEFAULT_BASE_DN } from "./landmark.ts";
import { escapeRdnValue } from "./ldif.ts";
import { DEPARTMENTS, EXECUTIVE_OFFICE, Organization, type Shape } from "./organization.ts";
import { type CompanyEntry, People } from "./person.ts";

export interface CompanyOptions {
  /** 1 to 100,000; groups, OUs and service accounts come on top. */
  readonly people: number;
  /** The same seed gives the same company everywhere; 42 without it. */
  readonly seed?: number;
  /** Of dc, o or ou. */
  readonly baseDn?: string;
}

export const MAX_PEOPLE = 100_000;
export const DEFAULT_SEED = 42;

const COMPANY_NAME = "Example Instruments";
const SERVICE_ACCOUNTS = ["sync", "backup", "monitoring"];
/** Object classes by the attribute that names the base. */
const BASE_CLASSES: Readonly<Record<string, readonly string[]>> = {
  dc: ["dcObject", "organization"],
  o: ["organization"],
  ou: ["organizationalUnit"],
};

/**
 * A company as directory entries, parents before children: OUs, service accounts, people, groups. Only the attributes
 * of OpenLDAP's core, cosine and inetorgperson schemas, so that a stock slapd loads it.
 *
 * On purpose there are people without mail, people named by a cn that needs escapes or by two attributes, names in
 * several scripts, groups in groups, two groups that are members of each other, and one with a member that is not there.
 * @throws AgentError `usage` for a number of people or a base that cannot be
 */
export function createCompany({
  people,
  seed = DEFAULT_SEED,
  baseDn = DEFAULT_BASE_DN,
}: CompanyOptions): Iterable<CompanyEntry> {
  if (!Number.isInteger(people) || people < 1 || people > MAX_PEOPLE) {
    throw new AgentError("usage", `a company has 1 to ${MAX_PEOPLE} people, not ${people}`);
  }
  const base = createBase(baseDn, seed);
  return { [Symbol.iterator]: () => generate({ base, people, seed, baseDn }) };
}

interface Plan {
  readonly base: CompanyEntry;
  readonly people: number;
  readonly seed: number;
  readonly baseDn: string;
}

function* generate({ base, people: count, seed, baseDn }: Plan): Generator<CompanyEntry> {
  const landmarks = companyLandmarks(baseDn);
  const organization = new Organization(count);
  const people = new People({
    seed,
    organization,
    landmarks,
    mailDomain: mailDomain(baseDn),
    companyName: COMPANY_NAME,
  });
  yield base;
  yield* createUnits(organization.shape, { seed, baseDn });
  for (const name of SERVICE_ACCOUNTS) {
    yield {
      dn: `uid=svc-${name},${landmarks.serviceAccounts}`,
      attributes: {
        objectClass: ["account"],
        uid: [`svc-${name}`],
        description: [`Account of the ${name} service`],
        entryUUID: [companyUuid(seed, `service:${name}`)],
      },
    };
  }
  for (let index = 0; index < count; index += 1) yield people.entry(index);
  yield* createGroups({ seed, organization, landmarks, people });
}

function createBase(baseDn: string, seed: number): CompanyEntry {
  const match = /^(dc|o|ou)=([^,+="\\#;<>]+)(?:,|$)/i.exec(baseDn);
  const type = match?.[1]?.toLowerCase();
  const value = match?.[2];
  const objectClass = type === undefined ? undefined : BASE_CLASSES[type];
  if (type === undefined || value === undefined || objectClass === undefined) {
    throw new AgentError("usage", `${baseDn} cannot be the base of a company`, {
      hint: "dc=example,dc=com can",
    });
  }
  return {
    dn: baseDn,
    attributes: {
      objectClass,
      ...(type === "dc" ? { o: [COMPANY_NAME] } : {}),
      [type]: [value],
      entryUUID: [companyUuid(seed, "base")],
    },
  };
}

/** example.com of dc=example,dc=com, and of bases without dc. */
function mailDomain(baseDn: string): string {
  const labels = [...baseDn.matchAll(/(?:^|,)\s*dc=([^,]+)/gi)].map((match) => match[1]);
  return labels.length === 0 ? "example.com" : labels.join(".");
}

function* createUnits(
  { regions, departments, teams }: Shape,
  { seed, baseDn }: { readonly seed: number; readonly baseDn: string },
): Generator<CompanyEntry> {
  const unit = (path: readonly string[]): CompanyEntry => ({
    dn: `${[...path]
      .reverse()
      .map((name) => `ou=${escapeRdnValue(name)}`)
      .join(",")},${baseDn}`,
    attributes: {
      objectClass: ["organizationalUnit"],
      ou: [path.at(-1) ?? ""],
      entryUUID: [companyUuid(seed, `ou:${[...path].reverse().join("/")}`)],
    },
  });
  for (const name of ["People", "Contractors", "Disabled", "Service Accounts", "Groups"])
    yield unit([name]);
  for (const { name: region } of REGIONS.slice(0, regions)) {
    yield unit(["People", region]);
    yield unit(["People", region, EXECUTIVE_OFFICE]);
    for (const department of DEPARTMENTS.slice(0, departments)) {
      yield unit(["People", region, department.name]);
      for (const team of department.teams.slice(0, teams))
        yield unit(["People", region, department.name, team]);
    }
  }
}
