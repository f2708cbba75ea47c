import { z } from "zod";
import { dnKey } from "../core/dn.ts";
import { TEXT_OPERATORS, UNARY_OPERATORS } from "../core/scope.ts";
import { clauseProblem } from "../core/scope-clause.ts";
import {
  attributeName,
  bool,
  choice,
  dn,
  dnList,
  EVEN_WHEN_WRONG,
  expected,
  expectedKind,
  refuseTwins,
  section,
  text,
} from "./option.ts";

/** Each is looked up when the agent starts. */
const MAX_UNITS = 1000;
const MAX_GROUPS = 200;

/** They end in one LDAP filter, which servers bound as well. */
const MAX_CLAUSES = 100;
const MAX_VALUES = 1000;

function clauseHead() {
  return {
    resourceType: choice(["User", "Group"])
      .default("User")
      .describe("Entries that the clause is about; those of the other type pass."),
    attribute: attributeName().describe(
      "LDAP attribute. An entry without it fails the clause, whatever the operator, except `absent`.",
    ),
  };
}

function clauseValue() {
  return text({ form: "a value (text, in quotes where YAML would read another type)" });
}

function clauseSection() {
  return z.discriminatedUnion(
    "operator",
    [
      section({
        operator: choice(["equals"]).describe(
          "How values are compared; exactly, letter case included, as Entra's scoping filters do. `matches` takes a regular expression and looks anywhere in the value.",
        ),
        ...clauseHead(),
        value: clauseValue().describe(
          "Value to compare with: text, a pattern (`matches`), an integer (`greaterThan`, `hasBits`).",
        ),
      }),
      section({
        operator: choice(["notEquals"]),
        ...clauseHead(),
        value: clauseValue(),
      }),
      section({ operator: choice([...UNARY_OPERATORS]), ...clauseHead() }),
      section({
        operator: choice([...TEXT_OPERATORS]),
        ...clauseHead(),
        value: clauseValue(),
      }),
      section({
        operator: choice(["in"]),
        ...clauseHead(),
        values: z
          .array(clauseValue(), expected(`a list of 1 to ${MAX_VALUES} values`))
          .min(1)
          .max(MAX_VALUES)
          .superRefine(
            (input, issues) => refuseTwins(input, issues, { keyOf: (value) => value }),
            EVEN_WHEN_WRONG,
          )
          .describe("Values of which one has to be there, for `in`."),
      }),
    ],
    expectedKind("operator", ["equals", "notEquals", "in", ...UNARY_OPERATORS, ...TEXT_OPERATORS]),
  );
}

/** Who is provisioned. Its output is the core's `Scope`. */
export function scopeSection() {
  return section({
    organizationalUnits: section({
      include: dnList(MAX_UNITS)
        .default([])
        .describe("Organizational units to read, each with all below it. Empty: all of `baseDn`."),
      exclude: dnList(MAX_UNITS)
        .default([])
        .describe(
          "Organizational units to leave out, each with all below it, unless a deeper `include` says otherwise.",
        ),
    })
      .prefault({})
      .describe("Scope by place in the tree."),
    groups: z
      .array(
        section({
          dn: dn().describe("The group."),
          nested: bool()
            .default(false)
            .describe("Members of groups within the group too, to any depth."),
        }),
        expected(`a list of at most ${MAX_GROUPS} groups`),
      )
      .max(MAX_GROUPS)
      .superRefine(
        (input, issues) => refuseTwins(input, issues, { keyOf: dnKey, at: "dn" }),
        EVEN_WHEN_WRONG,
      )
      .default([])
      .describe("Scope by membership: members of any of these groups. Empty: no such condition."),
    combine: choice(["all", "any"])
      .default("all")
      .describe(
        "`all`: an entry must be in an organizational unit and in a group of the scope. `any`: one of both is enough.",
      ),
    clauses: z
      .array(clauseSection(), expected(`a list of at most ${MAX_CLAUSES} clauses`))
      .max(MAX_CLAUSES)
      .default([])
      .superRefine((clauses, issues) => {
        for (const [at, clause] of clauses.entries()) {
          const problem = clauseProblem(clause);
          if (problem === undefined) continue;
          issues.addIssue({ code: "custom", path: [at, "value"], message: problem });
        }
      })
      .describe("Scope by attribute: conditions that must all hold."),
  });
}
