import { Attribute, Change, Client, Control } from "ldapts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLdapDirectory } from "../../agent/directory/ldap-directory.ts";
import type { DeltaStrategyName, Directory } from "../../agent/ports.ts";
import { DeltaFollower } from "./delta-follower.ts";
import { type DriftKind, groupDn, peopleDn } from "./drifting-directory.ts";
import { MemoryLog } from "./memory-log.ts";
import { answering, type ScopeParts, serve } from "./provider.ts";

/** Until a server has rewritten what refers to an entry that was renamed or removed. */
const INTEGRITY_MS = 300;

interface VerdictServer {
  readonly url: string;
  readonly bindDn: string;
  readonly bindPassword: string;
  readonly adminDn: string;
  readonly adminPassword: string;
  close(): Promise<void>;
}

export interface VerdictOptions {
  readonly kind: DriftKind;
  readonly start: () => Promise<VerdictServer>;
  readonly strategies: readonly DeltaStrategyName[];
  /** Whether deletions are told as such; otherwise whoever is not there is asked for. */
  readonly tellsDeletions: (strategy: DeltaStrategyName) => boolean;
}

/** What every strategy has to say of what happens to entries, one behaviour at a time. */
export function describeVerdicts(name: string, options: VerdictOptions): void {
  const { kind, start, strategies, tellsDeletions } = options;
  describe(`what deltas say of ${name}`, () => {
    let server: VerdictServer;
    let client: Client;
    const directories = new Map<DeltaStrategyName, Directory>();
    let made = 0;

    beforeAll(async () => {
      server = await start();
      client = new Client({ url: server.url });
      await client.bind(server.adminDn, server.adminPassword);
      for (const delta of strategies) {
        const bind = { dn: server.bindDn, password: async () => server.bindPassword };
        const connection = {
          ...{ name, urls: [server.url], baseDn: kind.base, bind, delta, allowPlaintext: true },
          kind: kind.isActiveDirectory ? "activeDirectory" : "openLdap",
        } as const;
        directories.set(delta, createLdapDirectory(connection, { log: new MemoryLog() }));
      }
      // A change log that is empty cannot prove that it reaches back.
      await addPerson(unit("A"));
    });

    afterAll(async () => {
      await client?.unbind();
      for (const directory of directories.values()) await directory.close();
      await server?.close();
    });

    const unit = (one: string) => `ou=${one},${peopleDn(kind)}`;

    async function addPerson(
      parent: string,
    ): Promise<{ readonly rdn: string; readonly dn: string }> {
      const cn = `v${made++}`;
      const rdn = `${kind.personRdn}=${cn}`;
      const common = { sn: [cn], employeeType: ["Staff"] };
      const attributes = kind.isActiveDirectory
        ? {
            ...{ objectClass: ["user"], ...common, sAMAccountName: [cn] },
            ...{ userPrincipalName: [`${cn}@ad.example.test`], userAccountControl: ["544"] },
          }
        : { objectClass: ["inetOrgPerson"], ...common, cn: [cn] };
      await client.add(`${rdn},${parent}`, attributes);
      return { rdn, dn: `${rdn},${parent}` };
    }

    async function addGroup(members: readonly string[]): Promise<string> {
      const cn = `vg${made++}`;
      const dn = groupDn(kind, cn);
      const attributes = kind.isActiveDirectory
        ? { objectClass: ["group"], sAMAccountName: [cn] }
        : { objectClass: ["groupOfNames"] };
      await client.add(dn, { ...attributes, cn: [cn], member: [...members] });
      return dn;
    }

    async function addUnit(parent: string): Promise<{ readonly rdn: string; readonly dn: string }> {
      const rdn = `ou=vu${made++}`;
      await client.add(`${rdn},${parent}`, { objectClass: ["organizationalUnit"] });
      return { rdn, dn: `${rdn},${parent}` };
    }

    async function change(
      dn: string,
      operation: "add" | "delete" | "replace",
      [type, ...values]: readonly [string, ...string[]],
    ): Promise<void> {
      const modification = new Attribute({ type, values });
      await client.modify(dn, new Change({ operation, modification }));
    }

    /** A follower that is up to date, and what it says of an entry by its name. */
    async function follow(strategy: DeltaStrategyName, parts: ScopeParts) {
      const directory = directories.get(strategy);
      if (directory === undefined) throw new Error("no directory");
      const mapping = kind.isActiveDirectory ? "active-directory" : "openldap";
      const follower = new DeltaFollower(answering(serve(directory, parts, mapping)));
      await follower.follow();
      return follower;
    }

    async function next(follower: DeltaFollower) {
      await new Promise((resolve) => setTimeout(resolve, INTEGRITY_MS));
      return follower.follow();
    }

    const idOf = async (dn: string): Promise<string> => {
      const [directory] = directories.values();
      const [id] = (await directory?.resolve([dn], AbortSignal.timeout(10_000))) ?? [];
      if (id === undefined) throw new Error(`no entry ${dn}`);
      return id;
    };

    const PEOPLE = { include: [peopleDn(kind)], exclude: [unit("Out")] };

    describe.each(strategies.map((strategy) => [strategy] as const))("by %s", (strategy) => {
      it("who is hired comes in", async () => {
        const follower = await follow(strategy, PEOPLE);
        const { dn } = await addPerson(unit("A"));
        await next(follower);
        expect(follower.held.has(await idOf(dn))).toBe(true);
      });

      it("who is hired outside of the scope stays out", async () => {
        const follower = await follow(strategy, PEOPLE);
        const { dn } = await addPerson(unit("Out"));
        await next(follower);
        expect(follower.held.has(await idOf(dn))).toBe(false);
      });

      it("a changed attribute comes with the whole entry", async () => {
        const { dn } = await addPerson(unit("A"));
        const follower = await follow(strategy, PEOPLE);
        await change(dn, "replace", ["title", "Dr."]);
        await next(follower);
        expect(follower.held.get(await idOf(dn))).toMatchObject({ title: "Dr." });
      });

      it("an attribute that was removed is gone from the entry", async () => {
        const { dn } = await addPerson(unit("A"));
        await change(dn, "replace", ["title", "Dr."]);
        const follower = await follow(strategy, PEOPLE);
        await change(dn, "delete", ["title"]);
        await next(follower);
        expect(follower.held.get(await idOf(dn))).not.toHaveProperty("title");
      });

      it("who is moved out of the scope is out of it, and not deleted", async () => {
        const { dn, rdn } = await addPerson(unit("A"));
        const follower = await follow(strategy, PEOPLE);
        const id = await idOf(dn);
        await client.modifyDN(dn, `${rdn},${unit("Out")}`);
        await next(follower);
        expect([follower.held.has(id), follower.reasons.get(id)]).not.toEqual([false, "deleted"]);
        expect(follower.held.has(id)).toBe(false);
      });

      it("who is moved into the scope comes in", async () => {
        const { dn, rdn } = await addPerson(unit("Out"));
        const follower = await follow(strategy, PEOPLE);
        const id = await idOf(dn);
        await client.modifyDN(dn, `${rdn},${unit("B")}`);
        await next(follower);
        expect(follower.held.has(id)).toBe(true);
      });

      it("who is moved between units of the scope stays, with the same id", async () => {
        const { dn, rdn } = await addPerson(unit("A"));
        const follower = await follow(strategy, PEOPLE);
        const id = await idOf(dn);
        await client.modifyDN(dn, `${rdn},${unit("B")}`);
        await next(follower);
        expect([follower.held.has(id), await idOf(`${rdn},${unit("B")}`)]).toEqual([true, id]);
      });

      it("who is renamed stays in the scope and in the groups", async () => {
        const { dn, rdn } = await addPerson(unit("A"));
        const group = await addGroup([dn]);
        const follower = await follow(strategy, { groups: [{ dn: group, nested: false }] });
        const id = await idOf(dn);
        await client.modifyDN(dn, `${rdn}x,${unit("A")}`);
        await next(follower);
        await next(follower);
        expect(follower.held.has(id)).toBe(true);
        expect(follower.held.get(await idOf(group))?.["members"]).toMatchObject([{ value: id }]);
      });

      it("who is deleted is told as deleted where the directory knows, and gone from the groups in any case", async () => {
        const { dn } = await addPerson(unit("A"));
        const { dn: other } = await addPerson(unit("A"));
        const group = await addGroup([dn, other]);
        const follower = await follow(strategy, {});
        const id = await idOf(dn);
        if (!kind.isActiveDirectory) await change(group, "delete", ["member", dn]);
        await client.del(dn);
        await next(follower);
        const expected = tellsDeletions(strategy) ? "deleted" : undefined;
        expect([follower.held.has(id), follower.reasons.get(id)]).toEqual([false, expected]);
        expect(follower.held.get(await idOf(group))?.["members"]).toMatchObject([
          { value: await idOf(other) },
        ]);
      });

      it("who joins a scope group comes in, and who leaves it goes, with no word in their own entries", async () => {
        const { dn } = await addPerson(unit("A"));
        const { dn: other } = await addPerson(unit("A"));
        const group = await addGroup([other]);
        const follower = await follow(strategy, { groups: [{ dn: group, nested: false }] });
        const [id, otherId] = [await idOf(dn), await idOf(other)];
        await change(group, "add", ["member", dn]);
        await next(follower);
        const joined = [follower.held.has(id), follower.held.has(otherId)];
        await change(group, "delete", ["member", other]);
        await next(follower);
        expect([joined, follower.held.has(id), follower.held.has(otherId)]).toEqual([
          [true, true],
          true,
          false,
        ]);
      });

      it("members of a group three levels down come and go with the memberships above them", async () => {
        const { dn } = await addPerson(unit("A"));
        const { dn: other } = await addPerson(unit("A"));
        const deep = await addGroup([dn]);
        const inner = await addGroup([deep]);
        const top = await addGroup([inner, other]);
        const follower = await follow(strategy, { groups: [{ dn: top, nested: true }] });
        const id = await idOf(dn);
        const before = follower.held.has(id);
        await change(top, "delete", ["member", inner]);
        await next(follower);
        const between = follower.held.has(id);
        await change(top, "add", ["member", inner]);
        await next(follower);
        expect([before, between, follower.held.has(id)]).toEqual([true, false, true]);
      });

      it("who is below a unit that is moved goes along, in and out", async () => {
        const { dn: parent, rdn: unitRdn } = await addUnit(unit("A"));
        const { dn } = await addPerson(parent);
        const follower = await follow(strategy, PEOPLE);
        const id = await idOf(dn);
        await client.modifyDN(parent, `${unitRdn},${unit("Out")}`);
        await next(follower);
        const outside = follower.held.has(id);
        await client.modifyDN(`${unitRdn},${unit("Out")}`, parent);
        await next(follower);
        expect([outside, follower.held.has(id)]).toEqual([false, true]);
      });

      it("a scope unit that was renamed is an error that names where it is now", async () => {
        const { dn: parent } = await addUnit(unit("A"));
        await addPerson(parent);
        const follower = await follow(strategy, { include: [parent] });
        const renamed = `ou=renamed${made++},${unit("A")}`;
        await client.modifyDN(parent, renamed);
        await expect(next(follower)).rejects.toMatchObject({
          code: "scope.missing",
          message: expect.stringContaining(`${parent} is now `),
        });
        await client.modifyDN(renamed, parent);
        await next(follower);
        expect(follower.held.size).toBe(1);
      });

      it("a scope group that was deleted is an error, and nobody is removed", async () => {
        const { dn } = await addPerson(unit("A"));
        const group = await addGroup([dn]);
        const follower = await follow(strategy, { groups: [{ dn: group, nested: false }] });
        const { size } = follower.held;
        await client.del(group);
        await expect(next(follower)).rejects.toMatchObject({
          code: "scope.missing",
          message: expect.stringContaining("the nearest existing parent is "),
        });
        expect(follower.held.size).toBe(size);
      });

      it("who fails a clause now is out, and who holds it now is in", async () => {
        const { dn } = await addPerson(unit("A"));
        const clause = {
          resourceType: "User",
          attribute: "employeeType",
          operator: "equals",
          value: "Staff",
        } as const;
        const follower = await follow(strategy, { clauses: [clause] });
        const id = await idOf(dn);
        await change(dn, "replace", ["employeeType", "Guest"]);
        await next(follower);
        const guest = follower.held.has(id);
        await change(dn, "replace", ["employeeType", "Staff"]);
        await next(follower);
        expect([guest, follower.held.has(id)]).toEqual([false, true]);
      });

      if (kind.isActiveDirectory) {
        it("who is restored from among the deleted comes back with the same id", async () => {
          const { dn, rdn } = await addPerson(unit("A"));
          const follower = await follow(strategy, {});
          const id = await idOf(dn);
          await client.del(dn);
          await next(follower);
          const showDeleted = new Control("1.2.840.113556.1.4.417", { critical: true });
          const folder = `CN=Deleted Objects,${kind.base}`;
          const filter = `(sAMAccountName=${rdn.slice(3)})`;
          const search = { scope: "one" as const, filter, attributes: ["1.1"] };
          const [deleted] = (await client.search(folder, search, showDeleted)).searchEntries;
          const place = new Attribute({ type: "distinguishedName", values: [dn] });
          await client.modify(
            deleted?.dn ?? "",
            [
              new Change({
                operation: "delete",
                modification: new Attribute({ type: "isDeleted" }),
              }),
              new Change({ operation: "replace", modification: place }),
            ],
            showDeleted,
          );
          await change(dn, "replace", ["userPrincipalName", `${rdn.slice(3)}@ad.example.test`]);
          await next(follower);
          expect([follower.held.has(id), await idOf(dn)]).toEqual([true, id]);
        });

        it("who is disabled is told as not active", async () => {
          const { dn } = await addPerson(unit("A"));
          const follower = await follow(strategy, {});
          await change(dn, "replace", ["userAccountControl", "546"]);
          await next(follower);
          expect(follower.held.get(await idOf(dn))).toMatchObject({ active: false });
        });
      }
    });
  });
}
