import { REGIONS } from "./culture.ts";

interface Department {
  readonly name: string;
  /** How many people it has beside the others. */
  readonly weight: number;
  readonly teams: readonly string[];
  readonly titles: readonly string[];
}

/** The first ones are the departments of a small company, the first team is the one that the head of it leads. */
export const DEPARTMENTS: readonly Department[] = [
  {
    name: "Engineering",
    weight: 3,
    teams: ["Platform", "Applications", "Quality", "Embedded"],
    titles: ["Engineer", "Senior Engineer", "Principal Engineer", "Test Engineer"],
  },
  {
    name: "Sales",
    weight: 3,
    teams: ["Key Accounts", "Field Sales", "Inside Sales", "Partners"],
    titles: ["Account Executive", "Sales Engineer", "Account Manager"],
  },
  {
    name: "Finance",
    weight: 1,
    teams: ["Accounting", "Controlling", "Treasury", "Tax"],
    titles: ["Accountant", "Controller", "Financial Analyst"],
  },
  {
    name: "Human Resources",
    weight: 1,
    teams: ["People Operations", "Recruiting", "Learning", "Payroll"],
    titles: ["HR Partner", "Recruiter", "Payroll Specialist"],
  },
  {
    name: "Legal, Risk and Compliance",
    weight: 1,
    teams: ["Contracts", "Privacy", "Audit", "Patents"],
    titles: ["Counsel", "Paralegal", "Compliance Officer"],
  },
  {
    name: "Customer Support",
    weight: 2,
    teams: ["First Line", "Second Line", "Field Service", "Training"],
    titles: ["Support Agent", "Support Engineer", "Service Technician"],
  },
  {
    name: "IT",
    weight: 1,
    teams: ["Workplace", "Identity & Access", "Networks", "Data Centre"],
    titles: ["Administrator", "Systems Engineer", "IT Analyst"],
  },
  {
    name: "Marketing",
    weight: 1,
    teams: ["Brand", "Events", "Web", "Communications"],
    titles: ["Marketing Specialist", "Designer", "Editor"],
  },
  {
    name: "Operations",
    weight: 2,
    teams: ["Logistics", "Purchasing", "Facilities", "Production"],
    titles: ["Buyer", "Planner", "Logistics Specialist"],
  },
  {
    name: "R+D",
    weight: 1,
    teams: ["Materials", "Algorithms", "Prototypes", "Usability"],
    titles: ["Scientist", "Senior Scientist", "Laboratory Technician"],
  },
];

export const EXECUTIVE_OFFICE = "Executive Office";

/** How many regions, departments in each and teams in each of these a company of this size has. */
export interface Shape {
  readonly regions: number;
  readonly departments: number;
  readonly teams: number;
}

/** Direct reports of one person. */
const SPAN = 12;

export type Rank = "chief" | "regional head" | "department head" | "team lead" | "member";

/** Where one person stands. `department` is undefined in the executive office. */
export interface Position {
  readonly rank: Rank;
  readonly region: number;
  readonly department: number | undefined;
  readonly team: number;
  /** Index of the manager; undefined for the chief. Always lower than the person's own. */
  readonly manager: number | undefined;
  readonly hasReports: boolean;
}

/**
 * Who works where and for whom, worked out from the index of a person alone: 0 is the chief, then come the regional
 * heads, the heads of departments, the leads of teams, and everyone else, dealt to the teams in turn.
 */
export class Organization {
  readonly shape: Shape;
  readonly people: number;
  /** Region, department and team, as often as the weight of the department says. */
  readonly #slots: readonly {
    readonly region: number;
    readonly department: number;
    readonly team: number;
  }[];

  constructor(people: number) {
    this.people = people;
    this.shape = shapeOf(people);
    const slots: { region: number; department: number; team: number }[] = [];
    for (let round = 0; round < 3; round += 1) {
      for (let team = 0; team < this.shape.teams; team += 1) {
        for (let department = 0; department < this.shape.departments; department += 1) {
          if ((DEPARTMENTS[department]?.weight ?? 0) <= round) continue;
          for (let region = 0; region < this.shape.regions; region += 1)
            slots.push({ region, department, team });
        }
      }
    }
    this.#slots = slots;
  }

  /** People with a rank above member, when there are enough people. */
  get leads(): number {
    const { regions, departments, teams } = this.shape;
    return 1 + regions + regions * departments * teams;
  }

  position(index: number): Position {
    const { regions, departments } = this.shape;
    if (index === 0)
      return this.#lead({ rank: "chief", region: 0, department: undefined, team: 0 });
    if (index <= regions) {
      return this.#lead({
        rank: "regional head",
        region: index - 1,
        department: undefined,
        team: 0,
      });
    }
    if (index >= this.leads) return this.#member(index);
    const place = index - 1 - regions;
    const team = Math.floor(place / (regions * departments));
    const department = Math.floor(place / regions) % departments;
    const region = place % regions;
    return this.#lead({
      rank: team === 0 ? "department head" : "team lead",
      region,
      department,
      team,
    });
  }

  /** Members and leads of one department of one region, in order of their index. */
  *inDepartment(region: number, department: number): Generator<number> {
    for (let team = 0; team < this.shape.teams; team += 1) {
      const lead = this.#leadOf(region, department, team);
      if (lead < this.people) yield lead;
    }
    const own = this.#slots.flatMap((slot, i) =>
      slot.region === region && slot.department === department ? [i] : [],
    );
    for (let start = this.leads; start < this.people; start += this.#slots.length) {
      for (const slot of own) {
        if (start + slot < this.people) yield start + slot;
      }
    }
  }

  #lead(place: Pick<Position, "rank" | "region" | "department" | "team">): Position {
    const { region, department, rank } = place;
    const managers: Record<Rank, number | undefined> = {
      chief: undefined,
      "regional head": 0,
      "department head": 1 + region,
      "team lead": this.#leadOf(region, department ?? 0, 0),
      member: undefined,
    };
    return { ...place, manager: managers[rank], hasReports: true };
  }

  #member(index: number): Position {
    const place = index - this.leads;
    const slot = place % this.#slots.length;
    // Rank within the slot from 1; the lead of the team stands above as 0.
    const order = Math.floor(place / this.#slots.length) + 1;
    const { region, department, team } = this.#slots[slot] ?? { region: 0, department: 0, team: 0 };
    const above = Math.floor((order - 1) / SPAN);
    const manager =
      above === 0 ? this.#leadOf(region, department, team) : this.#indexOf(slot, above);
    const hasReports = this.#indexOf(slot, order * SPAN + 1) < this.people;
    return { rank: "member", region, department, team, manager, hasReports };
  }

  #leadOf(region: number, department: number, team: number): number {
    const { regions, departments } = this.shape;
    return 1 + regions + (team * departments + department) * regions + region;
  }

  #indexOf(slot: number, order: number): number {
    return this.leads + (order - 1) * this.#slots.length + slot;
  }
}

function shapeOf(people: number): Shape {
  if (people <= 150) return { regions: 2, departments: 5, teams: 1 };
  if (people <= 1000) return { regions: 4, departments: 6, teams: 2 };
  return { regions: REGIONS.length, departments: DEPARTMENTS.length, teams: 4 };
}
