import { describe, expect, it } from "vitest";
import type { NamedCredential } from "../../agent/bus/bus-connection.ts";
import { CredentialChoice } from "../../agent/bus/credential-choice.ts";
import { MemoryLog } from "../support/memory-log.ts";

function named(name: string, connectionString: string): NamedCredential {
  return { name, credential: { kind: "connectionString", connectionString } };
}

async function load(first: string, second?: string) {
  const keys = { first, second, fails: false };
  const log = new MemoryLog();
  const choice = new CredentialChoice({
    read: async () => {
      if (keys.fails) throw new Error("is not there");
      const seconds = keys.second === undefined ? [] : [named("second", keys.second)];
      return [named("first", keys.first), ...seconds];
    },
    log,
  });
  await choice.load();
  return { choice, keys, log };
}

describe("the choice of a credential", () => {
  it("is the first, until it is refused", async () => {
    const { choice } = await load("a", "b");
    expect(choice.current.name).toBe("first");
    expect(choice.refuse()).toBe(true);
    expect(choice.current.name).toBe("second");
  });

  it("is the first again when the second is refused too", async () => {
    const { choice } = await load("a", "b");
    choice.refuse();
    choice.refuse();
    expect(choice.current.name).toBe("first");
  });

  it("is the first again when the first has changed", async () => {
    const { choice, keys } = await load("a", "b");
    choice.refuse();
    expect(await choice.refresh()).toBe(false);
    expect(choice.current.name).toBe("second");
    keys.first = "a2";
    expect(await choice.refresh()).toBe(true);
    expect(choice.current).toEqual(named("first", "a2"));
  });

  it("does not mind a change of the one that is not used", async () => {
    const { choice, keys } = await load("a", "b");
    keys.second = "b2";
    expect(await choice.refresh()).toBe(false);
    choice.refuse();
    expect(choice.current).toEqual(named("second", "b2"));
  });

  it("follows a change of the second while that is used", async () => {
    const { choice, keys } = await load("a", "b");
    choice.refuse();
    keys.second = "b2";
    expect(await choice.refresh()).toBe(true);
    expect(choice.current).toEqual(named("second", "b2"));
  });

  it("stays with the only one when that is refused", async () => {
    const { choice } = await load("a");
    expect(choice.refuse()).toBe(false);
    expect(choice.current.name).toBe("first");
  });

  it("stays as it is while nothing can be read, and says so once", async () => {
    const { choice, keys, log } = await load("a", "b");
    keys.fails = true;
    expect([await choice.refresh(), await choice.refresh()]).toEqual([false, false]);
    keys.fails = false;
    expect(await choice.refresh()).toBe(false);
    expect(choice.current).toEqual(named("first", "a"));
    expect(log.lines.map(({ event }) => event)).toEqual(["credential.unreadable"]);
  });

  it("says names and no keys", async () => {
    const { choice, keys, log } = await load("key-a", "key-b");
    choice.refuse();
    keys.first = "key-c";
    await choice.refresh();
    expect(log.lines).toEqual([
      { level: "warn", event: "credential.refused", fields: { name: "first", next: "second" } },
      { level: "info", event: "credential.changed", fields: { name: "first" } },
    ]);
  });
});
