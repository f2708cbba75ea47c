import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { planRestart } from "../../agent/core/provisioning/reset-scope.ts";
import { ProvisioningWorld } from "../support/provisioning-world.ts";
import { group, person } from "../support/scripted-agent.ts";
import { gather, JOB } from "../support/store.ts";

const NAMES = Array.from({ length: 30 }, (_, index) => `p${String(index).padStart(2, "0")}`);
const HALF = NAMES.slice(15);

let world: ProvisioningWorld;

beforeEach(async () => {
  world = await ProvisioningWorld.open();
  world.agent.put(...NAMES.map((name) => person(name)), group("staff", NAMES));
  await world.cycle();
});

afterEach(() => world.close());

function active(): readonly string[] {
  const people = Object.entries(world.people());
  return people
    .filter(([, state]) => state === "active")
    .map(([name]) => name)
    .sort();
}

async function cycle() {
  const report = await world.cycle();
  if (report.kind !== "ran") throw new Error("it did not run");
  const { state, error } = report;
  return { status: state.status, reason: state.quarantine?.reason, error: error?.message };
}

async function held() {
  const rows = await gather((await world.store()).stagedDeletes(JOB));
  return rows.map(({ name, action, status }) => `${name} ${action} ${status}`);
}

const STOPPED = { status: "Quarantine", reason: "TooManyDeletes", error: undefined };

describe("the delete guard", () => {
  it("holds everything when half of a unit vanishes, lets adds through and says so", async () => {
    world.agent.remove(...HALF.map((name) => `id-${name}`));
    world.agent.put(person("new"));
    expect(await cycle()).toEqual(STOPPED);
    expect(active()).toEqual(["new", ...NAMES]);
    expect(await held()).toEqual(HALF.map((name) => `${name}@example.com disable pending`));
    const rows = (await world.rows()).filter(
      ({ provisioningAction }) => provisioningAction === "stageddelete",
    );
    expect(rows.length).toBe(HALF.length);
  });

  it("goes on holding them, says each once in the log, and holds those that follow", async () => {
    world.agent.remove(...HALF.map((name) => `id-${name}`));
    await cycle();
    world.agent.remove("id-p00");
    expect(await cycle()).toEqual(STOPPED);
    expect(active()).toEqual(NAMES);
    const rows = (await world.rows()).filter(
      ({ provisioningAction }) => provisioningAction === "stageddelete",
    );
    expect(rows.length).toBe(HALF.length + 1);
  });

  it("sends what is approved by name and keeps the rest held", async () => {
    world.agent.remove(...HALF.map((name) => `id-${name}`));
    await cycle();
    await (await world.store()).decideStagedDeletes(JOB, ["p15@example.com"], "approved");
    expect(await cycle()).toEqual(STOPPED);
    expect(active()).toEqual(NAMES.filter((name) => name !== "p15"));
    expect((await held()).length).toBe(HALF.length - 1);
  });

  it("removes nothing that is rejected, and is released", async () => {
    world.agent.remove(...HALF.map((name) => `id-${name}`));
    await cycle();
    await (await world.store()).decideStagedDeletes(JOB, "all", "rejected");
    expect(await cycle()).toEqual({ status: "Active", reason: undefined, error: undefined });
    expect(active()).toEqual(NAMES);
  });

  it("forgets what was held when the entries come back", async () => {
    world.agent.remove(...HALF.map((name) => `id-${name}`));
    await cycle();
    world.agent.put(...HALF.map((name) => person(name)));
    expect(await cycle()).toMatchObject({ status: "Active" });
    expect([active(), await held()]).toEqual([NAMES, []]);
  });

  it("sends all of it once when the operator forces it", async () => {
    world.agent.remove(...HALF.map((name) => `id-${name}`));
    await cycle();
    const store = await world.jobStore();
    await store.write({ state: { forceDeletes: true } });
    expect(await cycle()).toMatchObject({ status: "Active" });
    expect(active()).toEqual(NAMES.slice(0, 15));
    expect([await held(), (await store.state()).forceDeletes]).toEqual([[], false]);
  });

  it("holds the members of a group that reads empty", async () => {
    world.agent.put(group("staff", []));
    expect(await cycle()).toEqual(STOPPED);
    expect(world.groups()).toEqual({ staff: NAMES.join(" ") });
    expect(await held()).toEqual(NAMES.map((name) => `${name}@example.com removeMember pending`));
  });

  it("takes away the members that are approved", async () => {
    world.agent.put(group("staff", []));
    await cycle();
    await (await world.store()).decideStagedDeletes(JOB, "all", "approved");
    world.agent.put(group("staff", []));
    await cycle();
    expect([world.groups(), await held()]).toEqual([{ staff: "" }, []]);
  });
});

describe("an import that proves nothing", () => {
  it("removes nobody when it stops early, and still adds", async () => {
    world.agent.remove("id-p00");
    world.agent.put(person("new"));
    world.agent.cutAfter = 2;
    expect(await cycle()).toMatchObject({
      status: "Quarantine",
      reason: "IngestionInterrupted",
      error: "the directory was not read to its end (503): the server went away",
    });
    expect(active()).toEqual(["new", ...NAMES]);
    expect(await cycle()).toMatchObject({ status: "Active" });
    expect(active()).toEqual(["new", ...NAMES.slice(1)]);
  });

  it("removes nobody when it is empty", async () => {
    world.agent.remove(...NAMES.map((name) => `id-${name}`), "id-staff");
    expect(await cycle()).toMatchObject({
      status: "Quarantine",
      error: "the import is empty, and 31 objects are linked: nothing is removed",
    });
    expect(active()).toEqual(NAMES);
  });

  it.each([
    [500, "the agent cannot read the directory: the base is not there"],
    [404, "the agent refused the import (404): the base is not there"],
  ])(
    "removes nobody when the base was renamed (%s), and goes on when it is back",
    async (status, error) => {
      const before = (await (await world.jobStore()).state()).watermark;
      world.agent.refusal = { status, detail: "the base is not there" };
      expect((await cycle()).error).toBe(error);
      expect(active()).toEqual(NAMES);
      expect((await (await world.jobStore()).state()).watermark).toBe(before);
      world.agent.refusal = undefined;
      world.folder.clock.advance(600_000);
      expect(await cycle()).toMatchObject({ status: "Active", error: undefined });
    },
  );

  it("removes nobody when an agent of another configuration answers, and says how to accept it", async () => {
    world.agent.configuration = "c1-two";
    world.agent.remove("id-p00");
    world.agent.put(person("new"));
    expect(await cycle()).toMatchObject({
      status: "Quarantine",
      error:
        "an agent answered with the configuration c1-two, and this job is pinned to c1-one: nothing is removed",
    });
    expect(active()).toEqual(["new", ...NAMES]);
    world.agent.configuration = "c1-one";
    expect(await cycle()).toMatchObject({ status: "Active" });
    expect(active()).toEqual(["new", ...NAMES.slice(1)]);
  });

  it("takes the agents' new configuration once the operator restarts with the watermark", async () => {
    world.agent.configuration = "c1-two";
    world.agent.remove("id-p00");
    await cycle();
    await (await world.jobStore()).reset(planRestart(["Watermark"]));
    expect(await cycle()).toMatchObject({ status: "Active", error: undefined });
    expect(active()).toEqual(NAMES.slice(1));
  });
});
