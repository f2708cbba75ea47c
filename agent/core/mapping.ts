import type { ComputedSource } from "./computed-value.ts";
import type { ResourceTypeName } from "./scope.ts";

/** One target attribute and where its value comes from. */
export type Flow = {
  /** SCIM attribute path: `userName`, `name.givenName`, `emails[type eq "work"].value`, `urn:…:User:manager`. */
  readonly target: string;
} & (
  | { readonly kind: "direct"; readonly attribute: string }
  | { readonly kind: "constant"; readonly value: string | number | boolean }
  | ({ readonly kind: "computed" } & ComputedSource)
  /** In Entra's attribute-mapping language. */
  | { readonly kind: "expression"; readonly expression: string }
);

/** The source of a flow for a person: an attribute, a constant as JSON, an expression, a function with what it is of. */
export function printSource(flow: Flow): string {
  switch (flow.kind) {
    case "direct":
      return flow.attribute;
    case "constant":
      return JSON.stringify(flow.value);
    case "expression":
      return flow.expression;
    case "computed":
      return "attribute" in flow ? `${flow.computed}(${flow.attribute})` : flow.computed;
  }
}

export interface ResourceMapping {
  /** An entry with any of these object classes is of this resource type. */
  readonly objectClasses: readonly string[];
  readonly flows: readonly Flow[];
}

/** How entries become SCIM resources, as configured. */
export type Mapping = Readonly<Record<ResourceTypeName, ResourceMapping>>;
