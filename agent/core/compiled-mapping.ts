import { computationOf, computedSources, fitsResult } from "./computed-value.ts";
import { type Entry, textsOf } from "./entry.ts";
import { AgentError } from "./error.ts";
import type { CompiledExpression } from "./expression/compile-expression.ts";
import { compileFlowExpression } from "./expression-flow.ts";
import { type FlowTarget, parseFlowTarget } from "./flow-target.ts";
import type { Flow, Mapping, ResourceMapping } from "./mapping.ts";
import type { ResourceTypeName } from "./scope.ts";
import { isVolatile } from "./volatile-attribute.ts";

/** A flow with its target checked. */
export interface CompiledFlow {
  readonly flow: Flow;
  readonly target: FlowTarget;
  /** The source attribute of a direct flow in lower case; otherwise undefined. */
  readonly attribute: string | undefined;
  /** Of a flow with an expression; otherwise undefined. */
  readonly expression: CompiledExpression | undefined;
  /** All attributes that are read for it, in lower case. */
  readonly sources: readonly string[];
  /** Whether every value makes an element; a path with a filter means one element. */
  readonly takesMany: boolean;
  /** The members of `target.fixed`. */
  readonly fixed: readonly (readonly [name: string, value: unknown])[];
}

/** The mapping of one resource type, ready to be used many times. */
export interface CompiledMapping {
  readonly resourceType: ResourceTypeName;
  readonly objectClasses: readonly string[];
  readonly flows: readonly CompiledFlow[];
}

/** Without these a resource is worth nothing to whoever receives it. */
export const REQUIRED_TARGET: Readonly<Record<ResourceTypeName, string>> = {
  User: "userName",
  Group: "displayName",
};

/**
 * Checks a mapping against the SCIM schemas.
 * @throws AgentError `mapping.invalid`, with every problem of the whole mapping, each by its path
 */
export function compileMapping(
  mapping: Mapping,
): Readonly<Record<ResourceTypeName, CompiledMapping>> {
  const problems: string[] = [];
  const compiled = {
    User: compileResourceMapping("User", mapping.User, problems),
    Group: compileResourceMapping("Group", mapping.Group, problems),
  };
  if (problems.length === 0) return compiled;
  throw new AgentError(
    "mapping.invalid",
    `the mapping cannot be used:\n  ${problems.join("\n  ")}`,
    {
      hint: "targets are attributes of RFC 7643; config/README.md has the list of what a flow may say",
    },
  );
}

function compileResourceMapping(
  resourceType: ResourceTypeName,
  mapping: ResourceMapping,
  problems: string[],
): CompiledMapping {
  const flows: CompiledFlow[] = [];
  const writers = new Map<string, number>();
  const complain = (where: string, problem: string) =>
    problems.push(`resourceTypes.${resourceType}.${where}: ${problem}`);
  for (const [index, flow] of mapping.flows.entries()) {
    const where = `flows[${index}].target`;
    const target = parseFlowTarget(flow.target, resourceType);
    if ("problem" in target) {
      complain(where, `${flow.target} ${target.problem}`);
      continue;
    }
    const earlier = writers.get(target.text);
    if (earlier !== undefined)
      complain(where, `${flow.target} is written by flows[${earlier}] already`);
    const mismatch = constantMismatch(flow, target) ?? computedMismatch(flow, target);
    if (mismatch !== undefined) complain(where, mismatch);
    writers.set(target.text, index);
    const compiled = compileFlowExpression(flow, target);
    if (compiled !== undefined && "problem" in compiled) {
      complain(`flows[${index}].expression`, compiled.problem);
      continue;
    }
    const fixed = Object.entries(target.fixed);
    flows.push({
      flow,
      target,
      attribute: flow.kind === "direct" ? flow.attribute.toLowerCase() : undefined,
      expression: compiled,
      sources: sourcesOf(flow, compiled).map((name) => name.toLowerCase()),
      takesMany: target.attribute.multiValued && fixed.length === 0,
      fixed,
    });
  }
  if (mapping.objectClasses.length === 0)
    complain("objectClasses", "needs at least one object class");
  if (!writers.has(REQUIRED_TARGET[resourceType]))
    complain("flows", `needs a flow to ${REQUIRED_TARGET[resourceType]}`);
  return { resourceType, objectClasses: mapping.objectClasses, flows };
}

function constantMismatch(flow: Flow, target: FlowTarget): string | undefined {
  if (flow.kind !== "constant") return undefined;
  if (target.isReference) return `${flow.target} is a reference and cannot be a constant`;
  const { type } = target.member ?? target.attribute;
  const wanted =
    type === "boolean" ? "boolean" : type === "integer" || type === "decimal" ? "number" : "string";
  if (typeof flow.value === wanted) return undefined;
  return `${flow.target} takes a ${type}, not the ${typeof flow.value} ${JSON.stringify(flow.value)}`;
}

function computedMismatch(flow: Flow, target: FlowTarget): string | undefined {
  if (flow.kind !== "computed") return undefined;
  if (target.isReference) return `${flow.target} is a reference and cannot be computed`;
  const { type } = target.member ?? target.attribute;
  if (fitsResult(flow, type)) return undefined;
  return `${flow.target} takes a ${type}, not the ${computationOf(flow).result} of ${flow.computed}`;
}

/** The attributes that a flow reads, as the configuration spells them. */
export function sourcesOf(
  flow: Flow,
  expression: CompiledExpression | undefined,
): readonly string[] {
  switch (flow.kind) {
    case "constant":
      return [];
    case "direct":
      return [flow.attribute];
    case "computed":
      return computedSources(flow);
    case "expression":
      return expression?.attributes ?? [];
  }
}

/** The LDAP attributes that the flows read, in lower case. */
export function sourceAttributes(mapping: CompiledMapping): readonly string[] {
  return [...new Set(mapping.flows.flatMap(({ sources }) => sources))];
}

/** Holds the time from which on an entry counts otherwise though nobody changes it. */
const EXPIRY = "accountexpires";

/** Attributes with the times (FILETIME) at which an entry that nobody changes becomes another resource. */
export function changeTimes(mapping: CompiledMapping): readonly string[] {
  const names = mapping.flows.flatMap(({ flow, expression, sources }) => {
    const dependsOnTime =
      flow.kind === "computed"
        ? computationOf(flow).dependsOnTime === true
        : expression?.changes.has("time") === true;
    return dependsOnTime ? sources : [];
  });
  return names.includes(EXPIRY) ? [EXPIRY] : [];
}

/**
 * The attributes that the flows read and that servers change without touching the entry, in lower case: no delta reports
 * the entry for them. A reference is the id of what the DN names, which a rename does not change.
 */
export function readsVolatile(mapping: CompiledMapping): readonly string[] {
  const names = mapping.flows.flatMap(({ target, sources }) =>
    sources.filter((name) => isVolatile(name, target)),
  );
  return [...new Set(names)];
}

/** Whether any flow makes ids out of DNs. */
export function hasReferences(mapping: CompiledMapping): boolean {
  return mapping.flows.some(({ target }) => target.isReference);
}

/** The DNs that the entry refers to, as the directory spells them. */
export function referencedDns(entry: Entry, mapping: CompiledMapping): readonly string[] {
  return mapping.flows.flatMap(({ flow, target }) =>
    target.isReference && flow.kind === "direct" ? textsOf(entry, flow.attribute) : [],
  );
}

/** The same mapping with only the flows that `keep` wants, and those without which there is no resource. */
export function restrictMapping(
  mapping: CompiledMapping,
  keep: (target: FlowTarget) => boolean,
): CompiledMapping {
  const required = REQUIRED_TARGET[mapping.resourceType];
  const flows = mapping.flows.filter(({ target }) => target.text === required || keep(target));
  return { ...mapping, flows };
}
