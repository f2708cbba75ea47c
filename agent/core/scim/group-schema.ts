import { complex, reference, type SchemaDefinition, text } from "./schema.ts";
import { GROUP_SCHEMA } from "./urn.ts";

/** RFC 7643 sections 4.2 and 8.7.1. */
export const GROUP: SchemaDefinition = {
  id: GROUP_SCHEMA,
  name: "Group",
  description: "Group",
  attributes: [
    // RFC 7643 erratum 5368: required.
    text("displayName", { required: true }),
    complex(
      "members",
      [
        text("value", { caseExact: true, mutability: "immutable" }),
        reference("$ref", ["User", "Group"], { mutability: "immutable" }),
        text("type", { mutability: "immutable" }),
        // RFC 7643 erratum 6011 (reported): used by RFC 7644, absent from the list.
        text("display", { mutability: "readOnly" }),
      ],
      { multiValued: true },
    ),
  ],
};
