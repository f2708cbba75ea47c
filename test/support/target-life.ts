import { USER_SCHEMA } from "../../agent/core/scim/urn.ts";
import type { Target } from "../../agent/ports.ts";
import { type Answer, errorReply, listReply, type RecordedRequest } from "./scim-endpoint.ts";
import { queryOf } from "./scim-target.ts";

const ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

type Json = Readonly<Record<string, unknown>>;

/** The person that the recorded requests are about. */
const ADA: Json = {
  schemas: [USER_SCHEMA],
  externalId: "6f1d8ff0-2a0c-1040-8d7e-000000000001",
  userName: "ada@example.com",
  active: true,
  displayName: "Ada Lovelace",
  name: { givenName: "Ada", familyName: "Lovelace" },
  title: "Engineer",
  emails: [{ type: "work", value: "ada@example.com", primary: true }],
  phoneNumbers: [{ type: "mobile", value: "+44 20 7946 0000" }],
  [ENTERPRISE]: { employeeNumber: "1815", department: "Analysis" },
};

const ENGINEERS: Json = {
  externalId: "6f1d8ff0-2a0c-1040-8d7e-000000000002",
  displayName: "Engineers",
};

const ADA_ID = "1";
const BOSS_ID = "2";
const GROUP_ID = "3";

interface LifeStep {
  readonly name: string;
  readonly run: (target: Target, signal: AbortSignal) => Promise<unknown>;
}

/** Each step as the provisioning service takes it, in the order of a life. */
export const LIFE: readonly LifeStep[] = [
  { name: "test connection", run: (target, signal) => target.test(signal) },
  {
    name: "create a user",
    async run(target, signal) {
      await target.find("User", { path: "userName", value: "ada@example.com" }, signal);
      return await target.create("User", ADA, signal);
    },
  },
  {
    name: "match a user that is there, by mail",
    run: (target, signal) => {
      const path = 'emails[type eq "work"].value';
      return target.find("User", { path, value: "ada@example.com" }, signal);
    },
  },
  {
    name: "update a user",
    run: (target, signal) =>
      change(
        target,
        {
          ...ADA,
          title: "Countess",
          nickName: "Enchantress",
          phoneNumbers: [],
          [ENTERPRISE]: { employeeNumber: "1815", department: "Computation" },
        },
        signal,
      ),
  },
  { name: "nothing to update", run: (target, signal) => change(target, ADA, signal) },
  {
    name: "rename a user",
    run: (target, signal) =>
      change(
        target,
        {
          ...ADA,
          userName: "ada.king@example.com",
          displayName: "Ada King",
          name: { givenName: "Ada", familyName: "King" },
          emails: [{ type: "work", value: "ada.king@example.com", primary: true }],
        },
        signal,
      ),
  },
  {
    name: "set the manager",
    async run(target, signal) {
      const reference = { attribute: "manager", id: BOSS_ID } as const;
      await target.hasReference("User", ADA_ID, reference, signal);
      return await change(target, withManager(BOSS_ID), signal);
    },
  },
  {
    name: "clear the manager",
    async run(target, signal) {
      await target.read("User", ADA_ID, signal);
      const sides = { before: withManager(BOSS_ID), after: ADA };
      return await target.update("User", ADA_ID, sides, signal);
    },
  },
  {
    name: "disable a user",
    async run(target, signal) {
      await target.read("User", ADA_ID, signal);
      return await target.setActive(ADA_ID, false, signal);
    },
  },
  {
    name: "restore a user",
    async run(target, signal) {
      await target.read("User", ADA_ID, signal);
      return await target.setActive(ADA_ID, true, signal);
    },
  },
  {
    name: "create a group",
    async run(target, signal) {
      await target.find("Group", { path: "displayName", value: "Engineers" }, signal);
      return await target.create("Group", { ...ENGINEERS, members: [{ value: ADA_ID }] }, signal);
    },
  },
  {
    name: "add a member",
    async run(target, signal) {
      await target.read("Group", GROUP_ID, signal);
      const reference = { attribute: "members", id: ADA_ID } as const;
      await target.hasReference("Group", GROUP_ID, reference, signal);
      return await target.changeMembers(GROUP_ID, { add: [ADA_ID], remove: [] }, signal);
    },
  },
  {
    name: "add and remove members, two at a time",
    run: (target, signal) =>
      target.changeMembers(GROUP_ID, { add: ["11", "12", "13"], remove: ["21", "22"] }, signal),
  },
  {
    name: "remove a member",
    run: (target, signal) => target.changeMembers(GROUP_ID, { add: [], remove: [ADA_ID] }, signal),
  },
  {
    name: "rename a group",
    async run(target, signal) {
      await target.read("Group", GROUP_ID, signal);
      const after = { ...ENGINEERS, displayName: "Computers" };
      return await target.update("Group", GROUP_ID, { before: ENGINEERS, after }, signal);
    },
  },
  {
    name: "delete a user",
    run: (target, signal) => target.delete("User", ADA_ID, signal),
  },
  {
    name: "delete a group",
    run: (target, signal) => target.delete("Group", GROUP_ID, signal),
  },
];

async function change(target: Target, after: Json, signal: AbortSignal): Promise<unknown> {
  await target.read("User", ADA_ID, signal);
  return await target.update("User", ADA_ID, { before: ADA, after }, signal);
}

function withManager(value: string): Json {
  return { ...ADA, [ENTERPRISE]: { ...(ADA[ENTERPRISE] as Json), manager: { value } } };
}

/** Answers the requests of {@link LIFE}: Ada is found by her mail, and everybody else by nothing. */
export const answerLife: Answer = (request) => {
  const { method } = request;
  const { pathname } = new URL(request.target, "http://host");
  const isGroup = pathname.startsWith("/scim/Groups");
  const resource = isGroup ? { id: GROUP_ID, ...ENGINEERS } : { id: ADA_ID, ...ADA };
  switch (method) {
    case "POST":
      return { status: 201, body: resource };
    case "PATCH":
      return isGroup ? { status: 204 } : { status: 200, body: resource };
    case "DELETE":
      return { status: 204 };
    default:
      if (/^\/scim\/(Users|Groups)$/.test(pathname)) return listReply(found(request, resource));
      return pathname.endsWith(`/${resource.id}`)
        ? { status: 200, body: resource }
        : errorReply(404);
  }
};

function found({ target }: RecordedRequest, resource: Json): readonly Json[] {
  return queryOf(target)["filter"]?.startsWith("emails") ? [resource] : [];
}
