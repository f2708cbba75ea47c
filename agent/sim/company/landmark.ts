export const DEFAULT_BASE_DN = "dc=example,dc=com";

/** DNs that every company has, whatever its size and seed. */
export interface CompanyLandmarks {
  readonly baseDn: string;
  readonly people: string;
  /** OU of a region; the first department below it is `engineering`. */
  readonly europe: string;
  readonly engineering: string;
  /** An OU with a comma in its name. */
  readonly legal: string;
  readonly contractors: string;
  readonly disabled: string;
  readonly serviceAccounts: string;
  readonly groups: string;
  /** Groups of regions, which hold groups of departments, which hold people. */
  readonly allStaff: string;
  readonly regionEurope: string;
  readonly engineeringEurope: string;
  /** Half of all people, one value each. */
  readonly newsletter: string;
  /** Two groups that are members of each other. */
  readonly cycleA: string;
  readonly cycleB: string;
  /** A name that needs escapes. */
  readonly escaped: string;
  /** Has one member that is there and one that is not: `gone`. */
  readonly dangling: string;
  readonly gone: string;
  /** Everyone with direct reports. */
  readonly managers: string;
  readonly contractorsGroup: string;
}

export function companyLandmarks(baseDn: string = DEFAULT_BASE_DN): CompanyLandmarks {
  const people = `ou=People,${baseDn}`;
  const groups = `ou=Groups,${baseDn}`;
  const europe = `ou=Europe,${people}`;
  return {
    baseDn,
    people,
    europe,
    engineering: `ou=Engineering,${europe}`,
    legal: `ou=Legal\\, Risk and Compliance,${europe}`,
    contractors: `ou=Contractors,${baseDn}`,
    disabled: `ou=Disabled,${baseDn}`,
    serviceAccounts: `ou=Service Accounts,${baseDn}`,
    groups,
    allStaff: `cn=all-staff,${groups}`,
    regionEurope: `cn=region-Europe,${groups}`,
    engineeringEurope: `cn=Europe-Engineering,${groups}`,
    newsletter: `cn=newsletter,${groups}`,
    cycleA: `cn=cycle-a,${groups}`,
    cycleB: `cn=cycle-b,${groups}`,
    escaped: `cn=Größe \\"XXL\\"\\, Ω\\+1,${groups}`,
    dangling: `cn=legacy-vpn,${groups}`,
    gone: `uid=long.gone,${people}`,
    managers: `cn=managers,${groups}`,
    contractorsGroup: `cn=contractors,${groups}`,
  };
}

/** The landmarks of a company with the default base. */
export const LANDMARKS: CompanyLandmarks = companyLandmarks();
