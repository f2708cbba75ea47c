import { complex, reference, type SchemaDefinition, text } from "./schema.ts";
import { ENTERPRISE_USER_SCHEMA } from "./urn.ts";

/** RFC 7643 sections 4.3 and 8.7.1. */
export const ENTERPRISE_USER: SchemaDefinition = {
  id: ENTERPRISE_USER_SCHEMA,
  name: "EnterpriseUser",
  description: "Enterprise User",
  attributes: [
    text("employeeNumber"),
    text("costCenter"),
    text("organization"),
    text("division"),
    text("department"),
    complex("manager", [
      // RFC 7643 erratum 8472: an id, hence case exact.
      text("value", { caseExact: true }),
      reference("$ref", ["User"]),
      text("displayName", { mutability: "readOnly" }),
    ]),
  ],
};
