import { type Culture, type Name, REGIONS } from "./culture.ts";
import { companyUuid, draw, pick } from "./draw.ts";
import type { CompanyLandmarks } from "./landmark.ts";
import { escapeRdnValue } from "./ldif.ts";
import { DEPARTMENTS, EXECUTIVE_OFFICE, type Organization, type Position } from "./organization.ts";

/** Values of employeeType. Those who are disabled are in ou=Disabled, contractors in ou=Contractors. */
export type EmployeeType = "Employee" | "Contractor" | "Disabled";

export interface CompanyEntry {
  readonly dn: string;
  /** By attribute name; entryUUID among them, as slapadd takes it. */
  readonly attributes: Readonly<Record<string, readonly string[]>>;
}

/** What a purpose of `draw` is. */
const DRAW = { culture: 0, given: 1, family: 2, title: 3, house: 4, postal: 5 } as const;

/** One of this many people without reports. The remainders keep the three apart for a long while. */
const DISABLED = { every: 20, at: 7 };
const CONTRACTOR = { every: 16, at: 3 };
const WITHOUT_MAIL = { every: 1000, at: 12 };
/** One of this many has another RDN than uid, in one of the forms in turn. */
const ODD_NAME = { every: 12, at: 5 };

interface PersonName {
  readonly culture: Culture;
  readonly given: Name;
  readonly family: Name;
  /** Mail address before the @, without a number. */
  readonly local: string;
}

export interface PeopleOptions {
  readonly seed: number;
  readonly organization: Organization;
  readonly landmarks: CompanyLandmarks;
  /** After the @ of mail addresses. */
  readonly mailDomain: string;
  readonly companyName: string;
}

/** The people of a company by index. Each one is worked out when asked for; two bytes each are kept. */
export class People {
  readonly #options: PeopleOptions;
  /** How many before had the same name in Latin letters. */
  readonly #namesakes: Uint16Array;

  constructor(options: PeopleOptions) {
    this.#options = options;
    const { people } = options.organization;
    this.#namesakes = new Uint16Array(people);
    const seen = new Map<string, number>();
    for (let index = 0; index < people; index += 1) {
      const { local } = this.#name(index);
      const before = seen.get(local) ?? 0;
      this.#namesakes[index] = before;
      seen.set(local, before + 1);
    }
  }

  employeeType(index: number): EmployeeType {
    const { organization } = this.#options;
    if (organization.position(index).hasReports) return "Employee";
    const place = index - organization.leads;
    if (place % DISABLED.every === DISABLED.at) return "Disabled";
    return place % CONTRACTOR.every === CONTRACTOR.at ? "Contractor" : "Employee";
  }

  dn(index: number): string {
    return `${this.#rdn(index).text},${this.#container(index)}`;
  }

  entry(index: number): CompanyEntry {
    const { seed, organization, mailDomain, companyName } = this.#options;
    const position = organization.position(index);
    const { culture, given, family } = this.#name(index);
    const { office } = culture;
    const uid = this.#uid(index);
    const displayName = this.#displayName(index);
    const rdn = this.#rdn(index);
    const place = index - organization.leads;
    const withoutMail = place >= 0 && place % WITHOUT_MAIL.every === WITHOUT_MAIL.at;
    const house = 1 + Math.floor(draw(seed, DRAW.house, index) * 180);
    return {
      dn: `${rdn.text},${this.#container(index)}`,
      attributes: {
        objectClass: ["inetOrgPerson"],
        uid: [uid],
        cn: rdn.cn === undefined || rdn.cn === displayName ? [displayName] : [rdn.cn, displayName],
        sn: [family.native],
        givenName: [given.native],
        displayName: [displayName],
        ...(withoutMail ? {} : { mail: [`${uid}@${mailDomain}`] }),
        employeeNumber: [employeeNumber(index)],
        employeeType: [this.employeeType(index)],
        title: [this.#title(index, position)],
        departmentNumber: [departmentName(position)],
        o: [companyName],
        l: [office.city],
        street: [`${office.street} ${house}`],
        postalCode: [digits(office.postalCode, Math.floor(draw(seed, DRAW.postal, index) * 1e7))],
        telephoneNumber: [`${office.telephonePrefix} ${1_000_000 + index}`],
        mobile: [`${office.mobilePrefix} ${1_000_000 + index}`],
        preferredLanguage: [culture.language],
        ...(position.manager === undefined ? {} : { manager: [this.dn(position.manager)] }),
        entryUUID: [companyUuid(seed, `person:${index}`)],
      },
    };
  }

  #name(index: number): PersonName {
    const { seed, organization } = this.#options;
    const { cultures } = REGIONS[organization.position(index).region] ?? { cultures: [] };
    const culture = pick(cultures, draw(seed, DRAW.culture, index));
    const given = pick(culture.given, draw(seed, DRAW.given, index));
    const family = pick(culture.family, draw(seed, DRAW.family, index));
    return { culture, given, family, local: `${given.local}.${family.local}` };
  }

  /** The number that tells namesakes apart: nothing, 2, 3 and so on. */
  #number(index: number): string {
    const before = this.#namesakes[index] ?? 0;
    return before === 0 ? "" : String(before + 1);
  }

  #uid(index: number): string {
    return `${this.#name(index).local}${this.#number(index)}`;
  }

  #displayName(index: number): string {
    const { culture, given, family } = this.#name(index);
    return culture.familyFirst
      ? `${family.native} ${given.native}`
      : `${given.native} ${family.native}`;
  }

  /** Most are named by uid; the others by a cn that needs escapes, or by two attributes. */
  #rdn(index: number): { readonly text: string; readonly cn?: string } {
    if (index % ODD_NAME.every !== ODD_NAME.at) return { text: `uid=${this.#uid(index)}` };
    const { given, family } = this.#name(index);
    const displayName = this.#displayName(index);
    const number = this.#number(index) === "" ? "" : ` ${this.#number(index)}`;
    const forms = [
      `${family.native}, ${given.native}${number}`,
      `${given.native} "${given.latin.slice(0, 3)}" ${family.native}${number}`,
      `${displayName} (R+D)${number}`,
      `${displayName} <office; ${1 + (index % 9)}>${number}`,
      displayName,
    ];
    const form = Math.floor(index / ODD_NAME.every) % forms.length;
    const cn = forms[form] ?? displayName;
    const text = `cn=${escapeRdnValue(cn)}`;
    return form === forms.length - 1
      ? { text: `${text}+employeeNumber=${employeeNumber(index)}`, cn }
      : { text, cn };
  }

  #container(index: number): string {
    const { organization, landmarks } = this.#options;
    const type = this.employeeType(index);
    if (type === "Disabled") return landmarks.disabled;
    if (type === "Contractor") return landmarks.contractors;
    return ouOf(organization.position(index), landmarks);
  }

  #title(index: number, { rank, department, region, team }: Position): string {
    const unit = DEPARTMENTS[department ?? 0];
    switch (rank) {
      case "chief":
        return "Chief Executive Officer";
      case "regional head":
        return `President ${REGIONS[region]?.name}`;
      case "department head":
        return `Head of ${unit?.name}`;
      case "team lead":
        return `Team Lead ${unit?.teams[team]}`;
      case "member":
        return pick(unit?.titles ?? [], draw(this.#options.seed, DRAW.title, index));
    }
  }
}

function employeeNumber(index: number): string {
  return String(100_000 + index);
}

function departmentName({ department }: Position): string {
  return department === undefined ? EXECUTIVE_OFFICE : (DEPARTMENTS[department]?.name ?? "");
}

function ouOf({ region, department, team }: Position, { people }: CompanyLandmarks): string {
  const above = `ou=${escapeRdnValue(REGIONS[region]?.name ?? "")},${people}`;
  if (department === undefined) return `ou=${EXECUTIVE_OFFICE},${above}`;
  const unit = DEPARTMENTS[department];
  return `ou=${escapeRdnValue(unit?.teams[team] ?? "")},ou=${escapeRdnValue(unit?.name ?? "")},${above}`;
}

function digits(pattern: string, number: number): string {
  let rest = number;
  return pattern.replace(/#/g, () => {
    const digit = rest % 10;
    rest = Math.floor(rest / 10);
    return String(digit);
  });
}
