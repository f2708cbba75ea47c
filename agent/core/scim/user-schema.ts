import {
  binary,
  boolean,
  complex,
  plural,
  reference,
  type SchemaDefinition,
  text,
} from "./schema.ts";
import { USER_SCHEMA } from "./urn.ts";

/** RFC 7643 sections 4.1 and 8.7.1. Canonical values are left out: they are not enforced. */
export const USER: SchemaDefinition = {
  id: USER_SCHEMA,
  name: "User",
  description: "User Account",
  attributes: [
    text("userName", { required: true, uniqueness: "server" }),
    complex("name", [
      text("formatted"),
      text("familyName"),
      text("givenName"),
      text("middleName"),
      text("honorificPrefix"),
      text("honorificSuffix"),
    ]),
    text("displayName"),
    text("nickName"),
    reference("profileUrl", ["external"]),
    text("title"),
    text("userType"),
    text("preferredLanguage"),
    text("locale"),
    text("timezone"),
    boolean("active"),
    text("password", { mutability: "writeOnly", returned: "never" }),
    plural("emails"),
    plural("phoneNumbers"),
    plural("ims"),
    plural("photos", reference("value", ["external"])),
    complex(
      "addresses",
      [
        text("formatted"),
        text("streetAddress"),
        text("locality"),
        text("region"),
        text("postalCode"),
        text("country"),
        text("type"),
        // Not in the list of section 8.7.1, but in the example of section 8.2 and among the defaults of section 2.4.
        boolean("primary"),
      ],
      { multiValued: true },
    ),
    complex(
      "groups",
      [
        text("value", { caseExact: true, mutability: "readOnly" }),
        // RFC 7643 erratum 8471: groups are all that a user can be a member of.
        reference("$ref", ["Group"], { mutability: "readOnly" }),
        text("display", { mutability: "readOnly" }),
        text("type", { mutability: "readOnly" }),
      ],
      { multiValued: true, mutability: "readOnly" },
    ),
    plural("entitlements"),
    plural("roles"),
    plural("x509Certificates", binary("value")),
  ],
};
