import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { jobOf, ProvisioningWorld } from "../support/provisioning-world.ts";
import { group, person } from "../support/scripted-agent.ts";

let world: ProvisioningWorld;

beforeEach(async () => {
  world = await ProvisioningWorld.open();
});

afterEach(() => world.close());

function countsOf(report: Awaited<ReturnType<ProvisioningWorld["cycle"]>>) {
  if (report.kind !== "ran") throw new Error("it did not run");
  if (report.error !== undefined) throw report.error;
  return { kind: report.execution.kind, ...report.execution.counts };
}

describe("a cycle", () => {
  it("creates people and groups with their references, and the next one has nothing to do", async () => {
    world.agent.put(
      person("ada", { manager: "bob" }),
      person("bob"),
      group("staff", ["ada", "bob"]),
    );
    const first = countsOf(await world.cycle());
    expect(first).toEqual({
      kind: "initial",
      ...{ imported: 3, entitled: 3, exported: 5, escrowed: 0, skipped: 0 },
    });
    expect(world.people()).toEqual({ ada: "active, bob", bob: "active" });
    expect(world.groups()).toEqual({ staff: "ada bob" });
    const second = countsOf(await world.cycle());
    expect(second).toEqual({
      kind: "incremental",
      ...{ imported: 0, entitled: 0, exported: 0, escrowed: 0, skipped: 0 },
    });
  });

  it("links a resource that is there already and sends what differs", async () => {
    await world.app.create("/Users", {
      schemas: ["urn:ietf:params:scim:schemas:core:2.0:User"],
      ...{ userName: "ADA@example.com", displayName: "somebody", nickName: "kept" },
    });
    world.agent.put(person("ada"));
    await world.cycle();
    const [user, ...others] = world.app.app.resources("User");
    expect(others).toEqual([]);
    expect(user).toMatchObject({
      userName: "ada@example.com",
      displayName: "ada",
      nickName: "kept",
    });
  });

  it("follows a rename by the link, also when the matching attribute changes", async () => {
    world.agent.put(person("ada"));
    await world.cycle();
    world.agent.change("id-ada", { userName: "countess@example.com", displayName: "countess" });
    await world.cycle();
    expect(world.people()).toEqual({ countess: "active" });
  });

  it("disables who left the agent's scope and enables who came back unchanged", async () => {
    const ada = person("ada");
    world.agent.put(ada, person("bob"), group("staff", ["ada", "bob"]));
    await world.cycle();
    world.agent.remove("id-ada");
    await world.cycle();
    expect(world.people()).toEqual({ ada: "disabled", bob: "active" });
    world.agent.put(ada);
    await world.cycle();
    expect(world.people()).toEqual({ ada: "active", bob: "active" });
    expect(world.groups()).toEqual({ staff: "ada bob" });
  });

  it("disables who is disabled at the source, and asks for them no more", async () => {
    world.agent.put(person("ada"), person("bob"));
    await world.cycle();
    world.agent.change("id-ada", { active: false, displayName: "ada" });
    await world.cycle();
    expect(world.people()).toEqual({ ada: "disabled", bob: "active" });
    world.agent.requests.length = 0;
    await world.cycle();
    expect(world.agent.requests.map(({ path }) => path)).toEqual(["/.delta"]);
  });

  it("deletes what was deleted in so many words", async () => {
    world.agent.put(person("ada"), person("bob"));
    await world.cycle();
    world.agent.listing = "changes";
    world.agent.remove("id-ada");
    await world.cycle();
    expect(world.people()).toEqual({ bob: "active" });
  });

  it("keeps a reference to what is not provisioned yet, and sets it when it arrives", async () => {
    world.agent.put(person("ada", { manager: "bob" }), group("staff", ["ada", "bob"]));
    await world.cycle();
    expect([world.people(), world.groups()]).toEqual([{ ada: "active" }, { staff: "ada" }]);
    world.agent.put(person("bob"));
    await world.cycle();
    expect(world.people()).toEqual({ ada: "active, bob", bob: "active" });
    expect(world.groups()).toEqual({ staff: "ada bob" });
  });

  it("clears a manager and removes members", async () => {
    world.agent.put(
      person("ada", { manager: "bob" }),
      person("bob"),
      group("staff", ["ada", "bob"]),
    );
    await world.cycle();
    world.agent.put(person("ada"), group("staff", ["bob"]));
    await world.cycle();
    expect(world.people()).toEqual({ ada: "active", bob: "active" });
    expect(world.groups()).toEqual({ staff: "bob" });
  });

  it("leaves out whom the job's scoping filters leave out, and asks for them once only", async () => {
    world.job = jobOf({}, [
      {
        name: "named",
        clauses: [{ attribute: "displayName", operator: "NOT EQUALS", value: "bob" }],
      },
    ]);
    world.agent.put(person("ada"), person("bob"));
    expect(countsOf(await world.cycle())).toMatchObject({ imported: 2, entitled: 1, exported: 1 });
    world.agent.requests.length = 0;
    await world.cycle();
    expect(world.agent.requests.map(({ path }) => path)).toEqual(["/.delta"]);
    expect(world.people()).toEqual({ ada: "active" });
  });

  it("reads everything again with links kept when the job's rules change", async () => {
    world.agent.put(person("ada"), person("bob"));
    await world.cycle();
    world.job = jobOf({}, [
      { name: "named", clauses: [{ attribute: "displayName", operator: "EQUALS", value: "ada" }] },
    ]);
    expect(countsOf(await world.cycle())).toMatchObject({
      kind: "initial",
      imported: 2,
      exported: 1,
    });
    expect(world.people()).toEqual({ ada: "active", bob: "disabled" });
  });

  it("escrows an ambiguous match and goes on", async () => {
    for (const userName of ["one", "two"]) {
      await world.app.create("/Users", { userName, displayName: "ada" });
    }
    world.job = jobOf({}, [], "displayName");
    world.agent.put(person("ada"), group("staff", ["ada"]));
    const report = await world.cycle();
    expect(report.kind === "ran" && report.execution.state).toBe("EntryLevelErrors");
    expect(countsOf(report)).toMatchObject({ exported: 1, escrowed: 1 });
    const rows = await world.rows();
    expect(
      rows.map(({ provisioningStatusInfo: { status, errorInformation } }) => [
        status,
        errorInformation?.errorCode,
      ]),
    ).toEqual(
      expect.arrayContaining([
        ["failure", "DuplicateTargetEntries"],
        ["success", undefined],
      ]),
    );
  });

  it("creates anew what somebody deleted at the target, and restores its references", async () => {
    world.agent.put(
      person("ada"),
      person("bob", { manager: "ada" }),
      group("staff", ["ada", "bob"]),
    );
    await world.cycle();
    const ada = world.app.app.resources("User").find((user) => user["displayName"] === "ada");
    await world.app.ask(`DELETE /Users/${ada?.["id"]}`);
    world.agent.change("id-ada", { title: "Countess" });
    await world.cycle();
    expect(world.people()).toEqual({ ada: "active", bob: "active, ada" });
    expect(world.groups()).toEqual({ staff: "ada bob" });
  });

  it("does not create who is disabled at the source", async () => {
    world.agent.put(person("ada", { active: false }));
    expect(countsOf(await world.cycle())).toMatchObject({ imported: 1, exported: 0, skipped: 1 });
    expect(world.people()).toEqual({});
  });

  it("asks for whoever referred to somebody who is gone, which no directory reports", async () => {
    world.agent.put(
      person("ada"),
      person("bob", { manager: "ada" }),
      group("staff", ["ada", "bob"]),
    );
    await world.cycle();
    world.agent.remove("id-ada");
    world.agent.rewrite(person("bob"));
    world.agent.rewrite(group("staff", ["bob"]));
    await world.cycle();
    expect(world.people()).toEqual({ ada: "disabled", bob: "active" });
    expect(world.groups()).toEqual({ staff: "bob" });
  });
});
