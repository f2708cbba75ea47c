import { describe, expect, it } from "vitest";
import { compileMapping } from "../../agent/core/compiled-mapping.ts";
import type { Mapping } from "../../agent/core/mapping.ts";
import { RESOURCE_TYPES } from "../../agent/core/scim/resource-type.ts";
import type { AttributeDefinition } from "../../agent/core/scim/schema.ts";
import type { FaceCapabilities } from "../../agent/provider/discovery.ts";
import type { ServedDirectory } from "../../agent/provider/served-directory.ts";
import { FakeDirectory } from "../support/fake-directory.ts";
import { answering, readList, refusal, request, serve } from "../support/provider.ts";

const USER = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

const served = serve(new FakeDirectory([]));
const ask = answering(served);

interface Discovered {
  readonly id: string;
  readonly attributes: readonly AttributeDefinition[];
  readonly [member: string]: unknown;
}

async function listOf(path: string, by = ask): Promise<readonly Discovered[]> {
  const answer = await by(request("GET", path));
  expect(answer).toMatchObject({
    schema: "urn:ietf:params:scim:api:messages:2.0:ListResponse",
  });
  const { elements } = await readList(answer);
  return elements.map((one) => (one.kind === "resource" ? one.resource : {}) as Discovered);
}

async function bodyOf(path: string, by = ask): Promise<unknown> {
  const answer = await by(request("GET", path));
  expect(answer).toMatchObject({ kind: "document", status: 200 });
  return answer.kind === "document" ? answer.body : undefined;
}

/** A directory with a mapping of its own. */
function mappedBy(mapping: Mapping, name = "other"): ServedDirectory {
  const served = serve(new FakeDirectory([], { name }));
  return { ...served, mappings: compileMapping(mapping) };
}

const SMALL: Mapping = {
  User: {
    objectClasses: ["account"],
    flows: [
      { target: "userName", kind: "direct", attribute: "uid" },
      {
        target: 'emails[type eq "home" and primary eq true].value',
        kind: "direct",
        attribute: "mail",
      },
      { target: "nickName", kind: "constant", value: "x" },
    ],
  },
  Group: {
    objectClasses: ["group"],
    flows: [{ target: "displayName", kind: "direct", attribute: "cn" }],
  },
};

describe("ServiceProviderConfig", () => {
  const common = {
    schemas: ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
    patch: { supported: false },
    bulk: { supported: false, maxOperations: 0, maxPayloadSize: 0 },
    changePassword: { supported: false },
    sort: { supported: false },
    etag: { supported: true },
    meta: { resourceType: "ServiceProviderConfig", location: "/ServiceProviderConfig" },
  };

  it("says over the queue what can be done there: no pages, no tokens", async () => {
    expect(await bodyOf("/ServiceProviderConfig")).toEqual({
      ...common,
      filter: { supported: true, maxResults: 1000 },
      authenticationSchemes: [],
    });
  });

  it("says what the transport in front can do besides", async () => {
    const pagination = {
      cursor: true,
      index: true,
      defaultPaginationMethod: "index",
      defaultPageSize: 100,
      maxPageSize: 500,
      cursorTimeout: 300,
    } as const;
    const capabilities: FaceCapabilities = { maxResults: 500, bearerToken: true, pagination };
    const face = answering(served, { capabilities });
    expect(await bodyOf("/ServiceProviderConfig", face)).toEqual({
      ...common,
      filter: { supported: true, maxResults: 500 },
      pagination,
      authenticationSchemes: [
        {
          type: "oauthbearertoken",
          name: "Bearer token",
          description: "The token of the agent's configuration, in the Authorization header",
          specUri: "https://www.rfc-editor.org/info/rfc6750",
          primary: true,
        },
      ],
    });
  });
});

describe("Schemas", () => {
  it("are the three that the shipped mapping writes, each also by its URN in any letter case", async () => {
    const schemas = await listOf("/Schemas");
    expect(schemas.map(({ id, schemas, name, meta }) => ({ id, schemas, name, meta }))).toEqual(
      [
        [USER, "User"],
        [ENTERPRISE, "EnterpriseUser"],
        [GROUP, "Group"],
      ].map(([id, name]) => ({
        id,
        schemas: ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        name,
        meta: { resourceType: "Schema", location: `/Schemas/${id}` },
      })),
    );
    for (const schema of schemas) {
      expect(await bodyOf(`/Schemas/${schema.id}`)).toEqual(schema);
      expect(await bodyOf(`/Schemas/${schema.id.toUpperCase()}`)).toEqual(schema);
    }
  });

  it("name what the mapping writes and nothing else, so no password", async () => {
    const [user, enterprise, group] = await listOf("/Schemas");
    const names = (schema: Discovered | undefined) => schema?.attributes.map(({ name }) => name);
    expect(names(user)).toEqual([
      ...["userName", "name", "displayName", "title", "userType", "preferredLanguage", "active"],
      ...["emails", "phoneNumbers", "addresses"],
    ]);
    expect(names(enterprise)).toEqual(["employeeNumber", "organization", "department", "manager"]);
    expect(names(group)).toEqual(["displayName", "members"]);
  });

  it("have all characteristics of RFC 7643, with what a mapping fixes as the only values", async () => {
    const [user, , group] = await listOf("/Schemas");
    const find = (schema: Discovered | undefined, wanted: string) =>
      schema?.attributes.find(({ name }) => name === wanted);
    const plain = {
      type: "string",
      multiValued: false,
      required: false,
      caseExact: false,
      mutability: "readWrite",
      returned: "default",
    };
    expect(find(user, "userName")).toEqual({
      ...plain,
      name: "userName",
      required: true,
      uniqueness: "server",
      description: "the directory's uid",
    });
    expect(find(user, "active")).toMatchObject({
      type: "boolean",
      description: "the same for all",
    });
    expect(find(user, "emails")).toEqual({
      ...plain,
      name: "emails",
      type: "complex",
      multiValued: true,
      description: "the directory's mail",
      subAttributes: [
        { ...plain, name: "value", uniqueness: "none", description: "the directory's mail" },
        {
          ...plain,
          name: "type",
          uniqueness: "none",
          description: "Fixed by the mapping",
          canonicalValues: ["work"],
        },
      ],
    });
    expect(find(user, "phoneNumbers")?.subAttributes).toMatchObject([
      { name: "value" },
      { name: "type", canonicalValues: ["work", "mobile", "fax"] },
    ]);
    expect(find(group, "members")?.subAttributes).toEqual([
      {
        ...plain,
        name: "value",
        caseExact: true,
        mutability: "immutable",
        uniqueness: "none",
        description: "id of the entry that the directory's member names",
      },
    ]);
  });

  it("keep every characteristic of the schema that they are a part of", async () => {
    const all = [
      RESOURCE_TYPES.User.schema,
      ...RESOURCE_TYPES.User.extensions,
      RESOURCE_TYPES.Group.schema,
    ];
    for (const [index, schema] of (await listOf("/Schemas")).entries()) {
      for (const attribute of schema.attributes) {
        const { subAttributes: own = [], description: _, ...traits } = attribute;
        const defined = all[index]?.attributes.find(({ name }) => name === attribute.name);
        const { subAttributes = [], ...expected } = defined ?? {};
        expect(traits).toEqual(expected);
        for (const { description: _, canonicalValues: __, ...sub } of own) {
          expect(subAttributes).toContainEqual(sub);
        }
      }
    }
  });

  it("are those of all directories together, without an extension that none of them writes", async () => {
    const small = await listOf("/Schemas", answering(mappedBy(SMALL)));
    expect(small.map(({ id }) => id)).toEqual([USER, GROUP]);
    const [user] = small;
    expect(user?.attributes.map(({ name }) => name)).toEqual(["userName", "nickName", "emails"]);
    const emails = user?.attributes[2]?.subAttributes;
    expect(emails).toMatchObject([
      { name: "value" },
      { name: "type", canonicalValues: ["home"] },
      { name: "primary", type: "boolean", description: "Fixed by the mapping" },
    ]);
    expect(emails?.[2]).not.toHaveProperty("canonicalValues");
    const both = await listOf("/Schemas", answering([served, mappedBy(SMALL)]));
    expect(both.map(({ id }) => id)).toEqual([USER, ENTERPRISE, GROUP]);
    const emailsOfBoth = both[0]?.attributes.find(({ name }) => name === "emails");
    expect(emailsOfBoth?.subAttributes?.[1]).toMatchObject({ canonicalValues: ["work", "home"] });
  });
});

describe("ResourceTypes", () => {
  it("are users and groups, each also by its name", async () => {
    const types = await listOf("/ResourceTypes");
    expect(types).toEqual([
      {
        schemas: ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        id: "User",
        name: "User",
        description: "User Account",
        endpoint: "/Users",
        schema: USER,
        schemaExtensions: [{ schema: ENTERPRISE, required: false }],
        meta: { resourceType: "ResourceType", location: "/ResourceTypes/User" },
      },
      {
        schemas: ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        id: "Group",
        name: "Group",
        description: "Group",
        endpoint: "/Groups",
        schema: GROUP,
        schemaExtensions: [],
        meta: { resourceType: "ResourceType", location: "/ResourceTypes/Group" },
      },
    ]);
    expect(await bodyOf("/ResourceTypes/Group")).toEqual(types[1]);
    const [user] = await listOf("/ResourceTypes", answering(mappedBy(SMALL)));
    expect(user).toMatchObject({ schemaExtensions: [] });
  });

  it.each([
    "/Schemas/urn:x",
    "/Schemas/__proto__",
    "/Schemas/.search",
    "/ResourceTypes/constructor",
  ])("%s is not there", async (path) => {
    expect(refusal(await ask(request("GET", path)))).toEqual({
      status: 404,
      detail: "there is no such schema or resource type",
    });
  });
});
