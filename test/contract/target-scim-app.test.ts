import { describe, expect, it, onTestFinished } from "vitest";
import type { PatchStyle } from "../../agent/core/scim/patch-style.ts";
import { ENTERPRISE_USER_SCHEMA } from "../../agent/core/scim/urn.ts";
import type { Target } from "../../agent/ports.ts";
import { parseFaultPlan } from "../../agent/sim/scim-app/fault-plan.ts";
import {
  type ScimApp,
  type ScimAppOptions,
  startScimApp,
} from "../../agent/sim/scim-app/server.ts";
import { ScimTarget } from "../../agent/target/scim-target.ts";
import { MemoryLog } from "../support/memory-log.ts";

type Json = Readonly<Record<string, unknown>>;

const TOKEN = "token-of-the-app";
const signal = AbortSignal.timeout(60_000);

/** Which clients an app is made for. No RFC knows the dotted keys of the flag. */
const PAIRS: readonly (readonly [PatchStyle, "rfc" | "entra"])[] = [
  ["entra", "entra"],
  ["aadOptscim062020", "entra"],
  ["rfc7644", "rfc"],
  ["rfc7644", "entra"],
];

async function open(
  style: PatchStyle,
  options: ScimAppOptions,
): Promise<{ readonly app: ScimApp; readonly target: Target }> {
  const app = await startScimApp({ token: TOKEN, ...options });
  onTestFinished(() => app.close());
  // Every pause is over at once.
  let now = 0;
  const target = new ScimTarget(
    { url: app.url, style, pageSize: 7, memberBatch: 5 },
    {
      readToken: async () => TOKEN,
      clock: { now: () => now },
      random: () => 0,
      log: new MemoryLog(),
      pause: async (ms) => {
        now += ms;
      },
    },
  );
  onTestFinished(() => target.close());
  return { app, target };
}

function person(name: string, changes: Json = {}): Json {
  return {
    externalId: `anchor-${name}`,
    userName: `${name}@example.com`,
    active: true,
    displayName: name,
    name: { givenName: name, familyName: "Lovelace" },
    emails: [{ type: "work", value: `${name}@example.com`, primary: true }],
    [ENTERPRISE_USER_SCHEMA]: { employeeNumber: "1815", department: "Analysis" },
    ...changes,
  };
}

/** Creates as the provisioning service does: what is in doubt is looked up before it is sent again. */
async function provision(target: Target, user: Json): Promise<string> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const value = String(user["userName"]);
    const found = await target.find("User", { path: "userName", value }, signal);
    if (found.kind === "refused") throw new Error(found.detail);
    const [known] = found.resources;
    if (known !== undefined) return known.id;
    const created = await target.create("User", user, signal);
    if (created.kind === "created") return created.id;
  }
  throw new Error("not created");
}

/** What a resource says, without what the app adds. */
function contentOf(resource: Json): Json {
  const { id: _id, meta: _meta, schemas: _schemas, groups: _groups, ...content } = resource;
  return content;
}

function membersOf(app: ScimApp): readonly unknown[] {
  const members = app.resources("Group")[0]?.["members"] ?? [];
  return (members as readonly Json[]).map(({ value }) => value).sort();
}

describe.each(PAIRS)("the style %s against an app of the profile %s", (style, profile) => {
  it("leads a life to the state that was meant", async () => {
    const { app, target } = await open(style, { profile });
    await target.test(signal);
    const boss = await provision(target, person("boss"));
    const id = await provision(target, person("ada"));
    const before = person("ada");
    const after = person("ada.king", {
      externalId: "anchor-ada",
      title: "Countess",
      name: { givenName: "Ada", familyName: "King", honorificPrefix: "Lady" },
      [ENTERPRISE_USER_SCHEMA]: { department: "Computation", manager: { value: boss } },
    });
    expect(await target.update("User", id, { before, after }, signal)).toMatchObject({
      kind: "updated",
    });
    const manager = { attribute: "manager", id: boss } as const;
    expect(await target.hasReference("User", id, manager, signal)).toMatchObject({ holds: true });
    const read = await target.read("User", id, signal);
    if (read.kind !== "found") throw new Error(read.kind);
    const extension = after[ENTERPRISE_USER_SCHEMA] as Json;
    expect(contentOf(read.resource)).toMatchObject({
      ...after,
      [ENTERPRISE_USER_SCHEMA]: { ...extension, manager: { value: boss } },
    });
    expect(read.resource[ENTERPRISE_USER_SCHEMA]).not.toHaveProperty("employeeNumber");

    const { manager: _manager, ...unmanaged } = extension;
    const alone = { ...after, [ENTERPRISE_USER_SCHEMA]: unmanaged };
    await target.update("User", id, { before: after, after: alone }, signal);
    expect(await target.hasReference("User", id, manager, signal)).toMatchObject({ holds: false });
    await target.setActive(id, false, signal);
    expect(contentOf(app.resources("User")[1] ?? {})).toEqual({ ...alone, active: false });
    await target.setActive(id, true, signal);
    expect(contentOf(app.resources("User")[1] ?? {})).toEqual(alone);

    expect(await target.create("User", person("boss"), signal)).toMatchObject({
      kind: "refused",
      status: 409,
      scimType: "uniqueness",
    });
    await target.delete("User", id, signal);
    expect(await target.read("User", id, signal)).toMatchObject({ kind: "gone" });
    expect(await target.update("User", id, { before, after }, signal)).toMatchObject({
      kind: "gone",
    });
    expect(await target.delete("User", id, signal)).toMatchObject({ kind: "deleted" });
    expect(app.resources("User").map((user) => user.id)).toEqual([boss]);
  });

  it("keeps the members of a group", async () => {
    const { app, target } = await open(style, { profile });
    const names = Array.from({ length: 23 }, (_, at) => `p${at}`);
    const ids: string[] = [];
    for (const name of names) ids.push(await provision(target, person(name)));
    const created = await target.create("Group", { displayName: "Engineers" }, signal);
    if (created.kind !== "created") throw new Error(created.kind);
    const change = { add: ids, remove: [] };
    const changed = await target.changeMembers(created.id, change, signal);
    expect(changed).toMatchObject({ kind: "changed", applied: change, refused: [] });
    expect(membersOf(app)).toEqual([...ids].sort());
    await target.changeMembers(created.id, { add: [], remove: ids.slice(0, 12) }, signal);
    expect(membersOf(app)).toEqual(ids.slice(12).sort());
    const [gone = "", stays = ""] = [ids[0], ids[22]];
    for (const [member, holds] of [
      [gone, false],
      [stays, true],
    ] as const) {
      const reference = { attribute: "members", id: member } as const;
      expect(await target.hasReference("Group", created.id, reference, signal)).toMatchObject({
        holds,
      });
    }
    const found = await target.find("Group", { path: "displayName", value: "engineers" }, signal);
    expect(found).toMatchObject({ kind: "found", resources: [{ id: created.id }] });
    expect(JSON.stringify(found)).not.toContain(stays);
  });

  it.each([false, true])("lists everybody, by cursor: %s", async (advertiseCursors) => {
    const { app, target } = await open(style, { profile, advertiseCursors });
    for (let at = 0; at < 15; at++) await provision(target, person(`p${at}`));
    const listed: string[] = [];
    const listing = target.all("User", signal);
    let next = await listing.next();
    for (; next.done !== true; next = await listing.next()) {
      listed.push(...next.value.map((resource) => resource.id));
    }
    expect(next.value).toEqual({ whole: true, resources: 15, pages: 3 });
    expect(listed.sort()).toEqual(
      app
        .resources("User")
        .map(({ id }) => id)
        .sort(),
    );
    const schemas = await target.schemas(signal);
    expect(schemas?.map((schema) => schema.name)).toContain("User");
  });

  it("comes to the same state through throttling, outages and lost answers", async () => {
    const faults = parseFaultPlan("429:0.1,503:0.05,drop:0.05,lost:0.05,seed:11");
    const { app, target } = await open(style, { profile, faults });
    const people = Array.from({ length: 30 }, (_, at) => person(`p${at}`));
    const changed = people.map((each) => ({ ...each, title: "Engineer" }));
    for (const [at, each] of people.entries()) {
      const id = await provision(target, each);
      const after = changed[at] ?? {};
      expect(await target.update("User", id, { before: each, after }, signal)).toMatchObject({
        kind: "updated",
      });
    }
    expect(app.resources("User").map(contentOf)).toEqual(changed);
    for (const { id } of app.resources("User")) {
      expect(await target.delete("User", id, signal)).toMatchObject({ kind: "deleted" });
    }
    expect(app.resources("User")).toEqual([]);
  });
});
