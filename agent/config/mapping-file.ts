import { z } from "zod";
import { COMPUTED_FUNCTIONS, type ComputedFunctionName } from "../core/computed-value.ts";
import { AgentError } from "../core/error.ts";
import type { Flow, Mapping } from "../core/mapping.ts";
import {
  ATTRIBUTE_PATTERN,
  attributeName,
  choice,
  EVEN_WHEN_WRONG,
  expected,
  memberOf,
  section,
  text,
} from "./option.ts";
import { packageFile } from "./package-file.ts";
import { problemsOf, reportProblems } from "./problem.ts";
import { readText } from "./text-file.ts";
import { parseYaml } from "./yaml-source.ts";

/** Mappings in config/mappings/, by name. */
export const SHIPPED_MAPPINGS = ["active-directory", "openldap"] as const;

/** A mapping is a few kilobytes; whatever is larger is another file given by mistake. */
const MAX_MAPPING_BYTES = 1024 * 1024;

const MAX_FLOWS = 200;
const MAX_OBJECT_CLASSES = 20;

export type MappingReference =
  | { readonly kind: "shipped"; readonly name: string }
  | { readonly kind: "file"; readonly path: string };

/** What `mapping:` names: a shipped mapping, or a path; undefined when it looks like neither. */
export function parseMappingReference(input: string): MappingReference | undefined {
  if (SHIPPED_MAPPINGS.some((name) => name === input)) return { kind: "shipped", name: input };
  return /[/\\]|\.ya?ml$/i.test(input) ? { kind: "file", path: input } : undefined;
}

const COMPUTED_NAMES = Object.keys(COMPUTED_FUNCTIONS) as [
  ComputedFunctionName,
  ...ComputedFunctionName[],
];

function flowSection() {
  return section({
    target: text({ form: "the path of a SCIM attribute", title: "SCIM path" }).describe(
      'SCIM attribute to fill: `userName`, `name.givenName`, `emails[type eq "work"].value`.',
    ),
    attribute: attributeName().optional().describe("LDAP attribute that the value comes from."),
    constant: z
      .union(
        [z.string().max(1024), z.number(), z.boolean()],
        expected("text, a number, true or false"),
      )
      .meta({ title: "text, number, true or false" })
      .optional()
      .describe("Value that is the same for all."),
    computed: choice(COMPUTED_NAMES)
      .optional()
      .describe(
        "Function that makes the value, of the attributes that it knows or of `attribute`; config/README.md lists them.",
      ),
  })
    .superRefine((flow, issues) => {
      const given = ["attribute", "constant", "computed"].filter(
        (name) => memberOf(flow, name) !== undefined,
      );
      if (given.length === 1 || given.join() === "attribute,computed") return;
      issues.addIssue({
        code: "custom",
        path: [],
        message: `has ${given.length === 0 ? "neither" : given.join(" and ")}, expected exactly one of attribute and constant, or computed with or without an attribute`,
      });
    }, EVEN_WHEN_WRONG)
    .transform(({ target, attribute, constant, computed }): Flow => {
      if (computed !== undefined) return { target, kind: "computed", computed, attribute };
      if (attribute !== undefined) return { target, kind: "direct", attribute };
      if (constant !== undefined) return { target, kind: "constant", value: constant };
      throw new RangeError("the check above lets neither through");
    })
    .meta({
      oneOf: [
        { required: ["attribute"], not: { required: ["computed"] } },
        { required: ["constant"] },
        { required: ["computed"] },
      ],
    });
}

function resourceSection(resourceType: string) {
  return section({
    objectClasses: z
      .array(
        text({
          form: "the name of an LDAP object class",
          pattern: ATTRIBUTE_PATTERN,
          title: "object class",
        }),
        expected(`a list of 1 to ${MAX_OBJECT_CLASSES} names of object classes`),
      )
      .min(1)
      .max(MAX_OBJECT_CLASSES)
      .describe(`An entry with any of these object classes is a ${resourceType}.`),
    flows: z
      .array(flowSection(), expected(`a list of 1 to ${MAX_FLOWS} flows`))
      .min(1)
      .max(MAX_FLOWS)
      .describe("Target attributes and where their values come from."),
  });
}

/** The one description of a mapping file. Its output is the core's `Mapping`. */
export function createMappingSchema() {
  return section({
    version: z
      .literal(1, expected("1"))
      .meta({ title: "1" })
      .describe("Version of this file's format."),
    resourceTypes: section({
      User: resourceSection("User").describe("Entries that become SCIM Users."),
      Group: resourceSection("Group").describe("Entries that become SCIM Groups."),
    }).describe("How entries become resources, by resource type."),
  }).transform(({ resourceTypes }): Mapping => resourceTypes);
}

/**
 * The mapping in the text of a mapping file. Whether its targets are SCIM attributes is not checked here.
 * @param file as messages name it
 * @throws AgentError `mapping.invalid` with every problem
 */
export function parseMapping(input: string, file: string): Mapping {
  const code = "mapping.invalid";
  const source = parseYaml(input, { code, file });
  const parsed = createMappingSchema().safeParse(source.value);
  if (parsed.success) return parsed.data;
  throw reportProblems(problemsOf(parsed.error), { code, file, lineOf: source.lineOf });
}

/**
 * The mapping that a reference names.
 * @throws AgentError `mapping.invalid` when the file is missing, too large or wrong
 */
export async function loadMapping(reference: MappingReference): Promise<Mapping> {
  const path =
    reference.kind === "file"
      ? reference.path
      : packageFile(`config/mappings/${reference.name}.yaml`);
  const read = await readText(path, MAX_MAPPING_BYTES);
  if (read.ok) return parseMapping(read.text, path);
  throw new AgentError("mapping.invalid", `${path} ${read.because}`, { cause: read.cause });
}
