import { z } from "zod";
import { compileScoping } from "../core/provisioning/scoping.ts";
import { SCOPING_OPERATORS } from "../core/provisioning/scoping-operator.ts";
import { parsePath } from "../core/scim/path.ts";
import { CRON_FORM, isCron } from "./cron.ts";
import {
  bool,
  choice,
  duration,
  EVEN_WHEN_WRONG,
  expected,
  refuseTwins,
  section,
  text,
  whole,
} from "./option.ts";
import type { SecretContext } from "./secret.ts";
import { targetSection } from "./target-section.ts";

const SECOND_MS = 1000;
const HOUR_MS = 3_600_000;

const MAX_MATCHING = 8;
const MAX_FILTERS = 100;
const MAX_CLAUSES = 100;
const MAX_REDACTED = 200;

function attributePath() {
  return text({
    form: 'a SCIM attribute such as userName or emails[type eq "work"].value',
    title: "SCIM attribute",
  }).refine(isPath);
}

function isPath(input: string): boolean {
  try {
    parsePath(input);
    return true;
  } catch {
    return false;
  }
}

function matchingSection() {
  return section({
    source: attributePath().describe("Attribute of the source."),
    target: attributePath().describe("Attribute that the target is searched by."),
    precedence: whole(1, 100).describe("1 is tried first; the first that finds any decides."),
  });
}

function clauseSection() {
  return section({
    attribute: attributePath().describe("Attribute of the source."),
    operator: text({
      form: `one of ${SCOPING_OPERATORS.join(", ")}`,
      title: "operator",
    }).describe(`Operator, as Entra names them: ${SCOPING_OPERATORS.join(", ")}.`),
    value: text({ form: "text", title: "text" })
      .optional()
      .describe("What it is compared with, letter case included."),
    multivalued: choice(["all", "any"])
      .default("all")
      .describe("Whether all values of a multi-valued attribute must satisfy it, or any one."),
  });
}

function objectSection(name: "userName" | "displayName") {
  return section({
    enabled: bool().default(true).describe("Provision objects of this type."),
    matching: z
      .array(matchingSection(), expected(`a list of 1 to ${MAX_MATCHING} matching attributes`))
      .min(1)
      .max(MAX_MATCHING)
      .default([{ source: name, target: name, precedence: 1 }])
      .describe("How the resource of an object that is not linked yet is found."),
    scoping: z
      .array(
        section({
          name: text({ form: "a name", title: "name", maxLength: 128 }).describe(
            "Name of the filter in the provisioning log.",
          ),
          clauses: z
            .array(clauseSection(), expected(`a list of 1 to ${MAX_CLAUSES} clauses`))
            .min(1)
            .max(MAX_CLAUSES)
            .describe("Clauses that must all hold."),
        }),
        expected(`a list of at most ${MAX_FILTERS} filters`),
      )
      .max(MAX_FILTERS)
      .default([])
      .superRefine((filters, issues) => {
        const compiled = compileScoping(filters);
        if (!("problems" in compiled)) return;
        for (const { path, problem } of compiled.problems) {
          issues.addIssue({ code: "custom", path: [...path], message: problem });
        }
      })
      .describe("Filters of the cloud side, one of which must hold. None: everybody."),
    actions: section({
      create: bool().default(true).describe("Create what the target does not have."),
      update: bool().default(true).describe("Update and disable."),
      delete: bool().default(true).describe("Delete what was deleted at the source."),
    })
      .prefault({})
      .describe("What may be done in the target."),
  });
}

/** One source, one target, and the rules between them. */
export function jobSection(context: SecretContext) {
  return section({
    id: text({
      form: "letters, digits, periods, hyphens and underscores",
      pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
      title: "name",
    }).describe("Name of the job in commands, logs and the state file."),
    schedule: z
      .string(expected(CRON_FORM))
      .max(256)
      .refine(isCron)
      .meta({ title: "cron expression" })
      .default("*/2 * * * *")
      .describe("When a cycle begins; one that is due while another runs is left out."),
    source: section({
      directory: text({ form: "the name of a directory", title: "name", maxLength: 64 })
        .optional()
        .describe("Which of the agents' directories. Not given: the only one."),
      importTimeout: duration(SECOND_MS, 24 * HOUR_MS)
        .prefault("30m")
        .describe("How long an import may take, with its retries."),
    })
      .prefault({})
      .describe("Where objects come from."),
    target: targetSection(context).describe("Where they go."),
    users: objectSection("userName").prefault({}).describe("How people are provisioned."),
    groups: objectSection("displayName").prefault({}).describe("How groups are provisioned."),
    skipOutOfScopeDeletions: bool()
      .default(false)
      .describe("Leave those who leave the scope as they are instead of disabling them."),
    deleteGuard: section({
      limit: whole(1, 1_000_000)
        .default(500)
        .describe(
          "Removals of a cycle, by type and by group, from which on all of them are held for an operator.",
        ),
      percent: whole(1, 100)
        .default(10)
        .describe("The same as a percentage of what is linked, once 20 are."),
    })
      .prefault({})
      .describe("When removals are held."),
    redact: z
      .array(text({ form: "a SCIM attribute", title: "SCIM attribute" }), expected("a list"))
      .max(MAX_REDACTED)
      .default([])
      .superRefine(
        (input, issues) => refuseTwins(input, issues, { keyOf: (name) => name.toLowerCase() }),
        EVEN_WHEN_WRONG,
      )
      .describe("Attributes whose values are not written to the provisioning log."),
  });
}
