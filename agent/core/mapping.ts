import type { ComputedFunctionName } from "./computed-value.ts";
import type { ResourceTypeName } from "./scope.ts";

/** One target attribute and where its value comes from. */
export type Flow = {
  /** SCIM attribute path: `userName`, `name.givenName`, `emails[type eq "work"].value`, `urn:…:User:manager`. */
  readonly target: string;
} & (
  | { readonly kind: "direct"; readonly attribute: string }
  | { readonly kind: "constant"; readonly value: string | number | boolean }
  | {
      readonly kind: "computed";
      readonly computed: ComputedFunctionName;
      /** The attribute to read, for the functions that are of one attribute. */
      readonly attribute: string | undefined;
    }
);

export interface ResourceMapping {
  /** An entry with any of these object classes is of this resource type. */
  readonly objectClasses: readonly string[];
  readonly flows: readonly Flow[];
}

/** How entries become SCIM resources, as configured. */
export type Mapping = Readonly<Record<ResourceTypeName, ResourceMapping>>;
