import { z } from "zod";
import {
  ATTRIBUTE_COMPUTATIONS,
  type AttributeFunction,
  ENTRY_COMPUTATIONS,
  type EntryFunction,
} from "../core/computed-value.ts";
import { LANGUAGE_TAGGED } from "../core/directory-value/attribute-description.ts";
import { AgentError } from "../core/error.ts";
import { MAX_EXPRESSION_CHARACTERS } from "../core/expression/syntax.ts";
import type { Flow, Mapping } from "../core/mapping.ts";
import {
  ATTRIBUTE_PATTERN,
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

const ENTRY_FUNCTIONS = Object.keys(ENTRY_COMPUTATIONS) as [EntryFunction, ...EntryFunction[]];
const ATTRIBUTE_FUNCTIONS = Object.keys(ATTRIBUTE_COMPUTATIONS) as AttributeFunction[];
const FUNCTIONS = [...ENTRY_FUNCTIONS, ...ATTRIBUTE_FUNCTIONS] as const;
const MAX_OBJECT_CLASSES = 20;

export type MappingReference =
  | { readonly kind: "shipped"; readonly name: string }
  | { readonly kind: "file"; readonly path: string };

/** What `mapping:` names: a shipped mapping, or a path; undefined when it looks like neither. */
export function parseMappingReference(input: string): MappingReference | undefined {
  if (SHIPPED_MAPPINGS.some((name) => name === input)) return { kind: "shipped", name: input };
  return /[/\\]|\.ya?ml$/i.test(input) ? { kind: "file", path: input } : undefined;
}

function flowSection() {
  return section({
    target: text({ form: "the path of a SCIM attribute", title: "SCIM path" }).describe(
      'SCIM attribute to fill: `userName`, `name.givenName`, `emails[type eq "work"].value`.',
    ),
    attribute: text({
      form: "the name of an LDAP attribute, with no option but a language (cn;lang-ja)",
      pattern: LANGUAGE_TAGGED,
      title: "attribute",
    })
      .optional()
      .describe("LDAP attribute that the value comes from."),
    computed: choice(FUNCTIONS)
      .optional()
      .describe("Function that works the value out, some of them from `attribute`."),
    expression: text({
      form: `an expression of at most ${MAX_EXPRESSION_CHARACTERS} characters`,
      title: "expression",
      maxLength: MAX_EXPRESSION_CHARACTERS,
    })
      .optional()
      .describe("Expression in Entra's attribute-mapping language over LDAP attributes."),
    constant: z
      .union(
        [z.string().max(1024), z.number(), z.boolean()],
        expected("text, a number, true or false"),
      )
      .meta({ title: "text, number, true or false" })
      .optional()
      .describe("Value that is the same for all."),
  })
    .superRefine((flow, issues) => {
      const message = sourceProblem(flow);
      if (message !== undefined) issues.addIssue({ code: "custom", path: [], message });
    }, EVEN_WHEN_WRONG)
    .transform(({ target, attribute, computed, expression, constant }): Flow => {
      if (expression !== undefined) return { target, kind: "expression", expression };
      if (constant !== undefined) return { target, kind: "constant", value: constant };
      if (isAttributeFunction(computed) && attribute !== undefined) {
        return { target, kind: "computed", computed, attribute };
      }
      if (isEntryFunction(computed)) return { target, kind: "computed", computed };
      if (attribute !== undefined) return { target, kind: "direct", attribute };
      throw new RangeError("the check above lets none through");
    })
    .meta({
      oneOf: [
        { required: ["constant"] },
        { required: ["expression"] },
        { anyOf: [{ required: ["attribute"] }, { required: ["computed"] }] },
      ],
    });
}

/** What is wrong with where a flow's value comes from. Reads unchecked values, since some of them may be wrong. */
function sourceProblem(flow: unknown): string | undefined {
  const has = (name: string) => memberOf(flow, name) !== undefined;
  const expectation = "expected one of attribute, computed, expression and constant";
  for (const alone of ["constant", "expression"]) {
    if (!has(alone)) continue;
    const other = ["attribute", "computed", "expression"].find(
      (name) => name !== alone && has(name),
    );
    return other === undefined ? undefined : `has both ${alone} and ${other}, ${expectation}`;
  }
  const computed = memberOf(flow, "computed");
  if (computed === undefined) {
    return has("attribute") ? undefined : `has no source, ${expectation}`;
  }
  if (isAttributeFunction(computed) && !has("attribute")) {
    return `has no attribute, expected the one that ${computed} is of`;
  }
  if (isEntryFunction(computed) && has("attribute")) {
    const sources = ENTRY_COMPUTATIONS[computed].sources.join(", ");
    return `has an attribute, expected none: ${computed} looks at ${sources}`;
  }
  return undefined;
}

function isEntryFunction(name: unknown): name is EntryFunction {
  return ENTRY_FUNCTIONS.some((known) => known === name);
}

function isAttributeFunction(name: unknown): name is AttributeFunction {
  return ATTRIBUTE_FUNCTIONS.some((known) => known === name);
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
