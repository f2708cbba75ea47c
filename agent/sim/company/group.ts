import { REGIONS } from "./culture.ts";
import { companyUuid, draw } from "./draw.ts";
import type { CompanyLandmarks } from "./landmark.ts";
import { escapeRdnValue } from "./ldif.ts";
import { DEPARTMENTS, type Organization } from "./organization.ts";
import type { CompanyEntry, People } from "./person.ts";

export interface GroupOptions {
  readonly seed: number;
  readonly organization: Organization;
  readonly landmarks: CompanyLandmarks;
  readonly people: People;
}

/** People for one project group. */
const PEOPLE_PER_PROJECT = 25;
const PROJECT_MEMBERS = { least: 3, most: 30 };
/** Purposes of `draw`, apart from those of people. */
const DRAW = { size: 100, member: 101 } as const;
const ESCAPED_NAME = 'Größe "XXL", Ω+1';

/**
 * groupOfNames entries. Every company has the landmarks, with at least the chief as member, since the schema asks for
 * one; groups of departments are there as far as they have active people.
 */
export function* createGroups(options: GroupOptions): Generator<CompanyEntry> {
  const { organization, landmarks, people, seed } = options;
  const { dangling, gone, cycleA, cycleB } = landmarks;
  const group = (name: string, description: string, member: readonly string[]): CompanyEntry =>
    createGroup(options, { name, description, member });
  const count = organization.people;
  const chief = people.dn(0);
  const some = (first: number): string[] =>
    unique([0, 1, 2].map((step) => (first + step * 5) % count)).map((index) => people.dn(index));

  const regionGroups: string[] = [];
  for (let region = 0; region < organization.shape.regions; region += 1) {
    const regionName = REGIONS[region]?.name ?? "";
    const departmentGroups: string[] = [];
    for (let department = 0; department < organization.shape.departments; department += 1) {
      const name = `${regionName}-${DEPARTMENTS[department]?.name}`;
      const members = [...organization.inDepartment(region, department)].filter(
        (index) => people.employeeType(index) === "Employee",
      );
      const first = region === 0 && department === 0;
      if (members.length === 0 && !first) continue;
      const dns = members.length === 0 ? [chief] : members.map((index) => people.dn(index));
      const entry = group(name, `Everyone in ${DEPARTMENTS[department]?.name}, ${regionName}`, dns);
      departmentGroups.push(entry.dn);
      yield entry;
    }
    if (departmentGroups.length === 0) continue;
    const entry = group(
      `region-${regionName}`,
      `All departments of ${regionName}`,
      departmentGroups,
    );
    regionGroups.push(entry.dn);
    yield entry;
  }
  const executives = [0, ...Array.from({ length: organization.shape.regions }, (_, i) => i + 1)];
  yield group(
    "executives",
    "Chief and regional heads",
    dnsOf(
      people,
      executives.filter((index) => index < count),
    ),
  );
  yield group("all-staff", "All regions", [...regionGroups, `cn=executives,${landmarks.groups}`]);
  yield group("newsletter", "One value for every second person", dnsOf(people, range(count, 2)));
  yield group("managers", "Everyone with direct reports", dnsOf(people, managersOf(organization)));
  const contractors = range(count).filter((index) => people.employeeType(index) === "Contractor");
  yield group(
    "contractors",
    "Everyone in ou=Contractors",
    contractors.length === 0 ? [chief] : dnsOf(people, contractors),
  );
  yield group("cycle-a", "A member of its own member", [...some(3), cycleB]);
  yield group("cycle-b", "A member of its own member", [...some(4), cycleA]);
  yield group(ESCAPED_NAME, "A name that needs escapes", some(5));
  yield group(nameOf(dangling), "One member is not there any more", [chief, gone]);

  const projects = Math.floor(count / PEOPLE_PER_PROJECT);
  for (let project = 0; project < projects; project += 1) {
    const { least, most } = PROJECT_MEMBERS;
    const size = least + Math.floor(draw(seed, DRAW.size, project) * (most - least));
    const members = Array.from({ length: size }, (_, i) =>
      Math.floor(draw(seed, DRAW.member, project * most + i) * count),
    );
    yield group(
      `project-${String(project + 1).padStart(4, "0")}`,
      "A project",
      dnsOf(people, unique(members)),
    );
  }
}

function createGroup(
  { seed, landmarks }: GroupOptions,
  {
    name,
    description,
    member,
  }: { readonly name: string; readonly description: string; readonly member: readonly string[] },
): CompanyEntry {
  return {
    dn: `cn=${escapeRdnValue(name)},${landmarks.groups}`,
    attributes: {
      objectClass: ["groupOfNames"],
      cn: [name],
      description: [description],
      member,
      entryUUID: [companyUuid(seed, `group:${name}`)],
    },
  };
}

function managersOf(organization: Organization): number[] {
  const managers = new Set<number>([0]);
  for (let index = 0; index < organization.people; index += 1) {
    const { manager } = organization.position(index);
    if (manager !== undefined) managers.add(manager);
  }
  return [...managers];
}

function nameOf(dn: string): string {
  return dn.slice("cn=".length, dn.indexOf(","));
}

function dnsOf(people: People, indexes: readonly number[]): string[] {
  return indexes.map((index) => people.dn(index));
}

function unique(indexes: readonly number[]): number[] {
  return [...new Set(indexes)];
}

function range(count: number, step = 1): number[] {
  return Array.from({ length: Math.ceil(count / step) }, (_, i) => i * step);
}
