import { complex, dateTime, reference, text } from "./schema.ts";

const READ_ONLY = { mutability: "readOnly" } as const;
const READ_ONLY_EXACT = { mutability: "readOnly", caseExact: true } as const;

/** The attributes that every resource has besides those of its schemas (RFC 7643 section 3.1). */
export const COMMON_ATTRIBUTES = [
  reference("schemas", ["uri"], { multiValued: true, required: true, returned: "always" }),
  text("id", { ...READ_ONLY_EXACT, required: true, returned: "always", uniqueness: "server" }),
  text("externalId", { caseExact: true }),
  complex(
    "meta",
    [
      text("resourceType", READ_ONLY_EXACT),
      dateTime("created", READ_ONLY),
      dateTime("lastModified", READ_ONLY),
      reference("location", ["uri"], READ_ONLY),
      text("version", READ_ONLY_EXACT),
    ],
    READ_ONLY,
  ),
] as const;
