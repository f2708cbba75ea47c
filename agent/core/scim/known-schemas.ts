import { COMMON_ATTRIBUTES } from "./common-attributes.ts";
import type { AttributeDefinition, SchemaDefinition } from "./schema.ts";

/** Schemas by URN, and attributes by name: both whatever the case. */
export class KnownSchemas {
  readonly #byUrn: ReadonlyMap<string, SchemaDefinition>;
  readonly #core: SchemaDefinition | undefined;

  constructor(schemas: readonly SchemaDefinition[], core: string) {
    this.#byUrn = new Map(schemas.map((schema) => [schema.id.toLowerCase(), schema]));
    this.#core = this.#byUrn.get(core.toLowerCase());
  }

  get hasCore(): boolean {
    return this.#core !== undefined;
  }

  get required(): readonly AttributeDefinition[] {
    return (this.#core?.attributes ?? []).filter(
      ({ required, mutability }) => required && mutability !== "readOnly",
    );
  }

  schema(urn: string): SchemaDefinition | undefined {
    return this.#byUrn.get(urn.toLowerCase());
  }

  attribute(name: string, urn?: string): AttributeDefinition | undefined {
    const schema = urn === undefined ? this.#core : this.schema(urn);
    const own = findByName(schema?.attributes ?? [], name);
    if (own !== undefined || (urn !== undefined && schema !== this.#core)) return own;
    return findByName(COMMON_ATTRIBUTES, name);
  }
}

/** Names of attributes are compared without case (RFC 7643 section 2.1). */
export function findByName(
  definitions: readonly AttributeDefinition[],
  name: string,
): AttributeDefinition | undefined {
  const folded = name.toLowerCase();
  return definitions.find((definition) => definition.name.toLowerCase() === folded);
}
